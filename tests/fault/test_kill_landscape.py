"""kill -9 while flows of every kind run: queues, triggers, subflows, scripts, restarts, replays.

`HEADWATER_FAULT_SEED` repeats a run; the seed is printed.
"""

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.fault import landscape
from tests.fault.landscape import FAILURES, History
from tests.fault.processes import Process, alive, family, inside
from tests.fault.promises import faults
from tests.fault.test_kill import Client, Nest
from tests.fault.visitors import Visitors
from tests.fault.world import World

KILLS = max(5, int(os.environ.get("HEADWATER_FAULT_KILLS", "300")) // 5)
DRAIN = 40.0
"""Seconds after the last kill until everything must have ended."""
_QUIET = 5
"""Looks in a row at which nothing runs: then nothing begins any more."""


@pytest.mark.fault
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kill_while_everything_happens(tmp_path: Path, free_port: object) -> None:
    seed = int(os.environ.get("HEADWATER_FAULT_SEED") or random.randrange(2**32))
    print(f"\nseed {seed}: {KILLS} kills")
    dice = random.Random(seed)
    world = World(seed, failures=FAILURES)
    world_port, port = free_port(), free_port()  # type: ignore[operator]
    server = world.server(world_port)
    data = tmp_path / "data"
    data.mkdir()
    client = Client(port)
    visitors = Visitors(client.http, random.Random(seed + 1))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        async with Nest(port, data) as nest:
            service = _Service(nest, client, data)
            await service.start(ready=True)
            for source in landscape.sources(f"http://127.0.0.1:{world_port}"):
                await _post_flow(client, source)
            lines = [group.create_task(_run(line)) for line in visitors.lines()]
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(0.05, 1.0))
                await service.kill()
                await service.start(ready=dice.random() < 0.7)
            await client.ready()
            began = time.monotonic()
            until = await _drain(client, data, visitors, lines)
            print(f"drained {time.monotonic() - began:.1f} s after the last kill")
            await service.kill()
            await service.start(ready=True)  # sweeps what the dead left
            left = await service.left()
            await service.kill()
        server.should_exit = True
        await serving
    await client.http.aclose()
    history = landscape.read(data)
    history.created, history.restarts, history.tried = (
        visitors.created, visitors.restarts, visitors.tried,
    )  # fmt: skip
    history.killed, history.rounds, history.until = visitors.killed, visitors.rounds, until
    history.arrived, history.deliveries, history.orphans = world.arrived, world.deliveries, left
    found = faults(history)
    tell(history, data)
    assert not found, "\n".join(_sample(found))
    check_progress(history)


async def _run(line: object) -> None:
    await line  # type: ignore[misc]  # a coroutine


async def _post_flow(client: Client, source: str) -> None:
    headers = {"Content-Type": "application/x-yaml"}
    made = await client.http.post("/api/v1/main/flows", content=source, headers=headers)
    assert made.status_code == 200, made.text


class _Service:
    """The service that dies, and what it started."""

    def __init__(self, nest: Nest, client: Client, data: Path) -> None:
        self._nest = nest
        self._client = client
        self._data = data
        self._pid = 0
        self._started: set[Process] = set()

    async def start(self, *, ready: bool) -> None:
        self._pid = int(await self._nest.say("start"))
        if ready:
            await self._client.ready()

    async def kill(self) -> None:
        self._started |= family(self._pid)
        await self._nest.say("kill")

    async def left(self) -> list[str]:
        """Return what outlived a service that is dead for a while now, after some patience."""
        end = time.monotonic() + 20
        work = self._data / "work"
        while time.monotonic() < end:
            swept = not work.exists() or not any(work.iterdir())
            if swept and not alive(self._started) and not inside(work):
                break
            await asyncio.sleep(0.05)
        processes = [str(each) for each in alive(self._started)]
        return processes + [f"process {pid}" for pid in inside(work)]


async def _drain(
    client: Client, data: Path, visitors: Visitors, lines: list[asyncio.Task[None]]
) -> int:
    """Let everything end; return the time (µs) up to which schedules have fired."""
    deadline = visitors.deadline = time.monotonic() + DRAIN
    visitors.stop.set()
    await asyncio.gather(*lines)
    while None in (dates := landscape.next_dates(data)) or min(dates) < _now() - 1_500_000:
        assert time.monotonic() < deadline, f"T2 schedules are late: {dates}"
        await asyncio.sleep(0.1)
    until = min(dates) - 1_000_000
    for flow in ("ticks", "crowd"):
        body = {"namespace": "fault", "flowId": flow, "triggerId": flow, "disabled": True}
        answer = await client.http.put("/api/v1/main/triggers", json=body)
        assert answer.status_code == 200, answer.text
    quiet = 0
    while quiet < _QUIET:  # a date that was due may be fired for still when its trigger is disabled
        count = landscape.busy(data)
        quiet = 0 if count else quiet + 1
        assert time.monotonic() < deadline, f"Q1 {count} executions are stuck"
        await asyncio.sleep(0.1)
    return until


def _sample(found: list[str]) -> list[str]:
    """Return a few faults of each kind."""
    kinds: dict[str, list[str]] = {}
    for fault in found:
        kinds.setdefault(fault[:2], []).append(fault)
    return [f"{len(found)} faults", *(each for kind in kinds.values() for each in kind[:5])]


def _now() -> int:
    return time.time_ns() // 1000


def tell(history: History, data: Path) -> None:
    """Print what there was."""
    flows = Counter(rows[0].data["flow_id"] for rows in history.journals.values())
    recoveries = [float(line.split()[0]) for line in (data / "recoveries").read_text().splitlines()]
    again = sum(count - 1 for count in history.arrived.values())
    print(dict(flows))
    print(f"{len(history.journals)} executions, {sum(history.restarts.values())} restarts,"
          f" {len(history.killed)} killed; {sum(history.arrived.values())} calls, {again} again;"
          f" slowest recovery {max(recoveries):.2f} s of {len(recoveries)}")  # fmt: skip
    assert max(recoveries) <= 5


def check_progress(history: History) -> None:
    """Assert that there was enough of everything for the checks to bite."""
    flows = Counter(rows[0].data["flow_id"] for rows in history.journals.values())
    few = {flow: count for flow, count in flows.items() if count < KILLS / 6}
    assert not few, f"hardly any executions: {few}"
    assert sum(count - 1 for count in history.arrived.values()) > 0
    assert sum(history.restarts.values()) > KILLS / 10
    queued = [each for each, rows in history.of("limited") if any(r.to == "QUEUED" for r in rows)]
    assert len(queued) > KILLS / 6, "hardly one queued"
