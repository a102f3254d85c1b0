"""What a case is run on: ports in memory that do what the real ones do, and forget it all."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.engine.flow_tests.journal import MemoryJournal
from app.engine.flow_tests.stores import (
    MOST_BYTES,
    FreeSlots,
    MemoryCache,
    MemoryFiles,
    MemoryKeyValues,
    MemoryStorage,
)
from app.errors import Conflict, Fenced, Invalid, NotFound, TooLarge
from app.executions import ROOT, Event, Execution, Kind, State
from app.ports import ArchiveQuery, Claim, KeptKey, KeyValue, LogEntry, LogQuery, MetricEntry
from app.telemetry import METRICS
from tests.flow_tests.trees import DictTree, run

CREATED = Event(
    Kind.CREATED,
    1,
    ROOT,
    State.CREATED,
    data={
        "tenant": "main",
        "namespace": "shop.deep",
        "flow_id": "f",
        "revision": 1,
        "commit": "c",
        "blob": "b",
    },
)


def execution(name: str, *events: Event) -> tuple[Execution, list[Event]]:
    made = [CREATED, *events]
    return Execution.fold(name, made), made


def ended(at: int = 9) -> Event:
    return Event(Kind.MOVED, at, ROOT, State.SUCCESS)


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def test_the_journal_keeps_what_is_appended_in_order() -> None:
    journal = MemoryJournal()
    made, events = execution("a")
    await journal.append(made, events, claim=Claim("main", "s", "k", "hash"))
    assert await journal.read("a") == events
    assert await journal.read("b") == []
    assert await journal.unfinished() == ["a"]
    assert await journal.claimed(Claim("main", "s", "k", "")) == ("a", "hash")
    stale, _ = execution("a")
    with pytest.raises(Fenced):
        await journal.append(stale, events)
    assert stale.refused
    made.apply(ended())
    await journal.append(made, [ended()])
    assert await journal.unfinished() == []
    assert len((await journal.read_many(["a", "b"]))["a"]) == 2


async def test_the_journal_knows_who_waits_and_for_whom() -> None:
    journal = MemoryJournal()
    parent, events = execution("p")
    await journal.append(parent, events)
    await journal.append(parent, [], parked=True, wake_at=50)
    child, events = execution("q", ended())
    child.parent_id = "p"
    await journal.append(child, events)
    assert await journal.due(49) == []
    assert (await journal.due(50), await journal.next_wake()) == (["p"], 50)
    assert await journal.children("p") == []


async def test_the_journal_is_searched_and_purged() -> None:
    journal = MemoryJournal()
    for name, events in (("a", [ended()]), ("b", [])):
        await journal.append(*execution(name, *events))
    await journal.write_logs(
        [LogEntry("a", "r", "t", 0, 20, at, text) for at, text in ((2, "Two"), (1, "one"))]
    )
    await journal.write_metrics([MetricEntry("a", "r", "t", "n", "counter", 1.0, 1, "{}")])
    everything = ArchiveQuery("main", "shop")
    assert await journal.count(everything) == 2
    assert await journal.count(ArchiveQuery("main", "shop", below=False)) == 0
    assert await journal.count(ArchiveQuery("main", states=["SUCCESS"], until=1)) == 1
    assert [each.id for each in await journal.ended(everything)] == ["a"]
    found = await journal.find(LogQuery("main", flow_id="f"))
    assert [each.message for each in found] == ["one", "Two"]
    after = await journal.find(LogQuery("main"), after=found[0])
    assert [each.message for each in after] == ["Two"]
    assert await journal.find(LogQuery("main", least=30)) == []
    assert await journal.purge(LogQuery("main", text="two")) == 1
    assert (await journal.delete_logs(["a"]), await journal.delete_metrics(["a"])) == (1, 1)
    assert await journal.delete(["a", "b"]) == 1
    assert await journal.read("a") == []


async def test_storage_keeps_files_up_to_a_limit() -> None:
    storage = MemoryStorage()
    assert await storage.put("kestra:///a/one", chunks(b"he", b"llo")) == 5
    await storage.put("kestra:///ab", chunks(b"x"))
    assert [each async for each in storage.get("kestra:///a/one", offset=1, length=2)] == [b"el"]
    assert await storage.below("kestra:///a") == ["kestra:///a/one"]
    assert await storage.size("kestra:///a/one") == 5
    with pytest.raises(TooLarge):
        await storage.put("kestra:///big", chunks(bytes(MOST_BYTES), b"x"))
    assert await storage.delete_prefix("kestra:///a") == 1
    assert (await storage.delete("kestra:///ab"), await storage.delete("kestra:///ab")) == (
        True,
        False,
    )
    with pytest.raises(NotFound):
        await storage.size("kestra:///ab")


class Clock:
    def __init__(self) -> None:
        self.time = 10

    def now(self) -> int:
        return self.time


async def test_pairs_expire_and_are_not_overwritten_unasked() -> None:
    clock = Clock()
    store = MemoryKeyValues(clock)
    pair = KeyValue("k", "STRING", "v", None, 10, 10, 20)
    await store.put("main", "shop", pair)
    with pytest.raises(Conflict):
        await store.put("main", "shop", pair, overwrite=False)
    await store.put("main", "shop", pair._replace(value="w", created_at=15))
    found = await store.get("main", "shop", "k")
    assert found is not None
    assert (found.value, found.created_at) == ("w", 10)
    assert [each.key for each in await store.pairs("main", "shop", "k")] == ["k"]
    clock.time = 20
    assert await store.get("main", "shop", "k") is None
    assert await store.pairs("main", "shop") == []
    assert await store.kept("main") == [KeptKey("shop", "k", 20)]
    assert await store.remove("main", await store.kept("main")) == 1
    assert await store.delete("main", "shop", "k") is False


async def test_files_lie_over_those_of_the_tree() -> None:
    async def find(tenant: str, namespace: str) -> dict[str, bytes]:
        return {"a.txt": b"tree"}

    files = MemoryFiles(find)
    await files.write("main", "shop", {"b.txt": b"new", "a.txt": None}, reason="test")
    assert [each.path for each in await files.entries("main", "shop")] == ["b.txt"]
    assert await files.read("main", "shop", "b.txt") == b"new"
    assert await files.read("main", "other", "a.txt") == b"tree"
    with pytest.raises(NotFound):
        await files.read("main", "shop", "a.txt")
    with pytest.raises(Invalid):
        await files.write("main", "shop", {"../x": b""}, reason="test")


async def test_outputs_and_slots() -> None:
    cache, slots = MemoryCache(), FreeSlots()
    await cache.keep("main", "k", {"n": 1}, 5, 10)
    assert (await cache.find("main", "k", 9), await cache.find("main", "k", 10)) == ({"n": 1}, None)
    made, _ = execution("a")
    assert await slots.enter(made, 1, 5, queue=True)
    assert await slots.holds("a")
    assert [*await slots.released(), *await slots.waiting(), await slots.sweep()] == [0]


SUITE = """
    id: t
    flowId: f
    testCases:
      - {id: one, assertions: [{value: "{{ outputs.get.value ?? 'nothing' }}", equalTo: nothing}]}
      - {id: two, assertions: [{value: "{{ outputs.get.value ?? 'nothing' }}", equalTo: nothing}]}
    """
FLOW = """
    id: f
    namespace: company.team
    tasks:
      - {id: get, type: io.kestra.plugin.core.kv.Get, key: k, errorOnMissing: false}
      - {id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: kept}
    """


async def test_cases_see_nothing_of_each_other_and_are_not_counted() -> None:
    def counted() -> float:
        samples = [
            sample.value
            for metric in (METRICS.executions_created, METRICS.task_runs_ended)
            for family in metric.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        ]
        return sum(samples)

    before = counted()
    result = await run(DictTree(FLOW), SUITE)
    assert result.state == "SUCCESS", result
    assert counted() == before


async def test_nothing_is_left_running() -> None:
    before = asyncio.all_tasks()
    waits = FLOW.replace("core.kv.Get, key: k, errorOnMissing: false", "core.flow.Pause")
    await run(DictTree(waits), SUITE)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
