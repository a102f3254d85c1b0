"""Turns: a tenant with a flood delays the others by their share, never by its flood."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.turns import Turns
from app.ports import Share


class Bench:
    """Places, and an order in which they were taken."""

    def __init__(self, places: int, **shares: Share) -> None:
        self.turns = Turns(places, lambda tenant: shares.get(tenant, Share()))
        self.order: list[str] = []
        self.most: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def ask(self, tenant: str, count: int = 1) -> list[asyncio.Task[None]]:
        """Let task runs of a tenant wait for their turn."""
        new = [asyncio.create_task(self._one(tenant)) for _ in range(count)]
        self._tasks += new
        return new

    async def _one(self, tenant: str) -> None:
        await self.turns.take(tenant)
        self.order.append(tenant)
        self.most[tenant] = max(self.most[tenant], self.turns.running(tenant))

    async def settle(self) -> None:
        """Let everything happen that can."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def finish(self, tenant: str) -> None:
        """Let a task run of a tenant end."""
        self.turns.give(tenant)
        await self.settle()

    async def run(self, tenants: Sequence[str], turns: int) -> None:
        """Let task runs end one by one, the oldest first."""
        at = 0
        await self.settle()
        for _ in range(turns):
            if at < len(self.order):
                await self.finish(self.order[at])
                at += 1

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_first_come_first_served_where_there_is_one() -> None:
    bench = Bench(2)
    bench.ask("a", 5)
    await bench.run(["a"], 3)
    assert bench.order == ["a"] * 5
    assert bench.most["a"] == 2
    await bench.close()


async def test_a_flood_delays_another_one_by_a_turn() -> None:
    bench = Bench(1)
    bench.ask("flood", 1000)
    await bench.settle()
    bench.ask("small", 1)
    await bench.run(["flood", "small"], 3)
    assert bench.order[:3] == ["flood", "small", "flood"]
    await bench.close()


async def test_a_tenant_gets_half_whatever_the_other_one_asks_for() -> None:
    bench = Bench(1)
    bench.ask("flood", 1000)
    bench.ask("steady", 50)
    await bench.run(["flood", "steady"], 100)
    last = len(bench.order) - 1 - bench.order[::-1].index("steady")
    assert bench.order.count("steady") == 50
    assert last <= 2 * 50, "at most twice as long as alone"
    await bench.close()


async def test_one_that_comes_again_and_again_is_never_late() -> None:
    """A service that sends one at a time waits for one turn of the flood each time."""
    bench = Bench(1)
    bench.ask("flood", 1000)
    await bench.settle()
    for ended in range(30):
        before = len(bench.order)
        bench.ask("steady")
        while bench.order.count("steady") == ended:
            await bench.finish(bench.order[-1])
        assert len(bench.order) - before <= 2
    await bench.close()


async def test_places_are_shared_though_the_flood_has_them_all() -> None:
    bench = Bench(8)
    bench.ask("flood", 100)
    await bench.settle()
    bench.ask("late", 100)
    await bench.settle()
    for _ in range(3):
        await bench.finish("flood")
    assert bench.turns.running("late") == 3, "every place that gets free"
    for _ in range(20):
        await bench.finish("flood")
        await bench.finish("late")
    assert bench.turns.running("flood") + bench.turns.running("late") == 8
    assert abs(bench.turns.running("flood") - bench.turns.running("late")) <= 2
    await bench.close()


async def test_weights() -> None:
    bench = Bench(1, gold=Share(weight=3.0))
    bench.ask("gold", 200)
    bench.ask("plain", 200)
    await bench.run(["gold", "plain"], 80)
    counts = Counter(bench.order[:80])
    assert abs(counts["gold"] - 60) <= 2
    await bench.close()


async def test_a_quota_holds_though_places_are_free() -> None:
    bench = Bench(10, small=Share(task_runs=2))
    bench.ask("small", 6)
    bench.ask("other", 3)
    await bench.settle()
    assert (bench.turns.running("small"), bench.turns.running("other")) == (2, 3)
    await bench.finish("small")
    assert (bench.turns.running("small"), bench.most["small"]) == (2, 2)
    await bench.close()


async def test_who_is_idle_saves_nothing_up() -> None:
    bench = Bench(1)
    bench.ask("a", 500)
    await bench.run(["a"], 100)
    bench.ask("b", 500)
    before = len(bench.order)
    for _ in range(20):
        await bench.finish(bench.order[-1])
    assert abs(bench.order[before:].count("b") - 10) <= 1, "no burst to make up for its absence"
    await bench.close()


async def test_who_is_cancelled_leaves_its_place_to_the_next() -> None:
    bench = Bench(1)
    bench.ask("a")
    await bench.settle()
    first, second = bench.ask("b", 2)
    await bench.settle()
    first.cancel()
    bench.turns.give("a")  # before the one that was cancelled has heard of it
    await bench.settle()
    assert bench.order == ["a", "b"]
    assert second.done()
    waiting = bench.ask("c")[0]
    await bench.settle()
    bench.turns.give("b")  # it has its turn now, and is cancelled before it can take it
    waiting.cancel()
    await bench.settle()
    bench.ask("d")
    await bench.settle()
    assert bench.order[-1] == "d"
    assert bench.turns.running("c") == 0
    await bench.close()


@given(
    places=st.integers(1, 4),
    weights=st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=2, max_size=4),
)
def test_shares_follow_weights_for_any_of_them(places: int, weights: list[float]) -> None:
    names = [f"t{number}" for number in range(len(weights))]
    shares = {name: Share(weight=weight) for name, weight in zip(names, weights, strict=True)}

    async def run() -> list[str]:
        bench = Bench(places, **shares)
        for name in names:
            bench.ask(name, 300)
        await bench.run(names, 200)
        await bench.close()
        return bench.order[:200]

    counts = Counter(asyncio.run(run()))
    for name, weight in zip(names, weights, strict=True):
        fair = 200 * weight / sum(weights)
        slack = 2 * places * max(weights) / min(weights) + 2
        assert counts[name] == pytest.approx(fair, abs=slack)


async def test_creations_have_their_turns_too() -> None:
    """Of a flood of requests few begin at once, and the other tenant's is among the next."""
    begun: list[str] = []
    bench = Bench(32)
    for _ in range(200):
        bench.ask("flood")
    await bench.settle()
    begun += bench.order
    bench.ask("small")
    await bench.settle()
    await bench.finish("flood")
    assert (begun.count("flood"), bench.order[-1]) == (32, "small")
    await bench.close()
