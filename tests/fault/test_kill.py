"""kill -9 at random moments: nothing acknowledged is lost, nothing runs twice (contract, run 1).

`HEADWATER_FAULT_SEED` repeats a run; the seed is printed.
"""

import asyncio
import contextlib
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import httpx2
import pytest

from app.executions import task_run_id
from tests.fault.history import broken, effects, journals
from tests.fault.world import World

KILLS = int(os.environ.get("HEADWATER_FAULT_KILLS", "300"))
EXECUTIONS = KILLS * 10
AT_ONCE = 40

FLOW = """
id: storm
namespace: fault
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: a, type: io.kestra.plugin.core.http.Request, method: POST, uri: "URL/a", retry: RETRY}
      - id: s
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - {id: b, type: io.kestra.plugin.core.http.Request, method: POST, uri: "URL/b",
             retry: RETRY}
          - {id: z, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.05S}
          - {id: c, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.b.code }}"}
  - {id: last, type: io.kestra.plugin.core.http.Request, method: POST, uri: "URL/last",
     retry: RETRY}
"""
RETRY = "{type: constant, interval: PT0.02S, maxAttempts: 10}"
PATHS = ["/p", "/p/a", "/p/s", "/p/s/b", "/p/s/z", "/p/s/c", "/last"]


class Nest:
    """The process that forks services; see `tests.fault.nest`."""

    def __init__(self, port: int, data: Path) -> None:
        self.port = port
        self.data = data
        self.process: asyncio.subprocess.Process

    async def __aenter__(self) -> "Nest":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fault.nest", str(self.port), str(self.data),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return self

    async def say(self, command: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n".encode())
        await self.process.stdin.drain()
        answer = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert answer, "the nest is gone"
        return answer.decode().strip()

    async def __aexit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


class Client:
    """Submits executions with idempotency keys and remembers every acknowledgement."""

    def __init__(self, port: int, wanted: int = EXECUTIONS) -> None:
        self.wanted = wanted
        self.base = f"http://127.0.0.1:{port}"
        self.http = httpx2.AsyncClient(base_url=self.base, timeout=20, trust_env=False)
        self.acknowledged: dict[str, str] = {}
        self.next = 0

    async def ready(self, timeout: float = 30) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with contextlib.suppress(httpx2.HTTPError):
                if (await self.http.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.01)
        pytest.fail("the service is not ready")

    async def submit(self) -> None:
        """Keep submitting; a request that failed is sent again with its key."""
        while self.next < self.wanted:
            key = f"k{self.next}"
            self.next += 1
            while key not in self.acknowledged:
                try:
                    answer = await self.http.post(
                        "/api/v1/main/executions/fault/storm",
                        headers={"Idempotency-Key": key},
                        files={"x": (None, "1")},
                    )
                except httpx2.HTTPError:
                    await asyncio.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.acknowledged[key] = answer.json()["id"]
                else:
                    assert answer.status_code in (429, 503), answer.text
                    await asyncio.sleep(0.02)

    async def running(self) -> int:
        answer = await self.http.get(
            "/api/v1/main/executions/search",
            params=[("state", s) for s in ("CREATED", "QUEUED", "RUNNING", "RETRYING", "PAUSED")]
            + [("size", "1"), ("namespace", "fault")],
        )
        return int(answer.json()["total"])


@pytest.mark.fault
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_kill_at_random_moments(tmp_path: Path, free_port: object) -> None:
    seed = int(os.environ.get("HEADWATER_FAULT_SEED") or random.randrange(2**32))
    print(f"\nseed {seed}: {KILLS} kills during {EXECUTIONS} executions")
    dice = random.Random(seed)
    world = World(seed)
    world_port, port = free_port(), free_port()  # type: ignore[operator]
    server = world.server(world_port)
    data = tmp_path / "data"
    data.mkdir()
    client = Client(port)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        async with Nest(port, data) as nest:
            await nest.say("start")
            await client.ready()
            source = FLOW.replace("URL", f"http://127.0.0.1:{world_port}").replace("RETRY", RETRY)
            made = await client.http.post(
                "/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}
            )
            assert made.status_code == 200, made.text
            submitting = [group.create_task(client.submit()) for _ in range(AT_ONCE)]
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(0.02, 0.12))
                await nest.say("kill")
                await nest.say("start")
                await client.ready()
            began = time.monotonic()
            await asyncio.gather(*submitting)
            while await client.running():
                assert time.monotonic() - began < 60, "executions are stuck"
                await asyncio.sleep(0.1)
            drained = time.monotonic() - began
        server.should_exit = True
        await serving
    await client.http.aclose()
    check(data, client, world)
    recoveries = [float(line.split()[0]) for line in (data / "recoveries").read_text().splitlines()]
    print(f"drained {drained:.1f} s after the last kill; slowest recovery {max(recoveries):.2f} s"
          f" of {len(recoveries)}")  # fmt: skip
    assert max(recoveries) <= 5


def check(data: Path, client: Client, world: World) -> None:
    """Every promise of the contract that this history can show broken."""
    found = journals(data / "headwater.sqlite")
    assert len(client.acknowledged) == EXECUTIONS
    assert len(set(client.acknowledged.values())) == EXECUTIONS, "E1 a key made two executions"
    lost = set(client.acknowledged.values()) - found.keys()
    assert not lost, f"L1 acknowledged and lost: {lost}"
    assert len(found) == EXECUTIONS, "executions that nobody asked for"
    sent: dict[str, dict[str, int]] = defaultdict(dict)
    for key, count in world.arrived.items():
        sent[key.split(".")[0]][key] = count
    faults = []
    for execution, rows in found.items():
        ids = {task_run_id(execution, path): path for path in PATHS}
        faults += broken(rows)
        faults += effects(rows, ids, sent[execution], world.deliveries)
        ended = [row.path for row in rows if row.kind == "ended"]
        if sorted(ended) != sorted(PATHS) or rows[-1].to != "SUCCESS":
            faults.append(f"Q1 {execution} ended as {rows[-1].to} with {ended}")
    assert not faults, "\n".join(faults[:20])
    again = sum(count - 1 for count in world.arrived.values())
    print(f"{sum(world.arrived.values())} calls arrived, {again} of them deliveries again")
    assert again > 0, "no kill hit a running call: the test does not bite"
