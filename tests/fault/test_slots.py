"""kill -9 while a flow's `concurrency` counts: no slot leaks, none is given twice (contract C1)."""

import asyncio
import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tests.fault.history import Row, broken_before_the_end, journals
from tests.fault.landscape import busy
from tests.fault.test_kill import Client, Nest

LIMIT = 3
KILLS = max(1, int(os.environ.get("HEADWATER_FAULT_KILLS", "300")) // 10)
EXECUTIONS = KILLS * 8

FLOW = f"""
id: storm
namespace: fault
concurrency: {{limit: {LIMIT}}}
tasks:
  - {{id: z, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.02S}}
  - {{id: a, type: io.kestra.plugin.core.debug.Return, format: x}}
afterExecution:
  - {{id: b, type: io.kestra.plugin.core.debug.Return, format: "{{{{ execution.state }}}}"}}
"""


@pytest.mark.fault
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kill_while_executions_queue(tmp_path: Path, free_port: object) -> None:
    seed = int(os.environ.get("HEADWATER_FAULT_SEED") or random.randrange(2**32))
    print(f"\nseed {seed}: {KILLS} kills during {EXECUTIONS} executions")
    dice = random.Random(seed)
    port: int = free_port()  # type: ignore[operator]
    data = tmp_path / "data"
    data.mkdir()
    client = Client(port, EXECUTIONS)
    async with asyncio.TaskGroup() as group, Nest(port, data) as nest:
        await nest.say("start")
        await client.ready()
        made = await client.http.post(
            "/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}
        )
        assert made.status_code == 200, made.text
        submitting = [group.create_task(client.submit()) for _ in range(20)]
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.05, 0.25))
            await nest.say("kill")
            await nest.say("start")
            await client.ready()
        await asyncio.gather(*submitting)
        began = time.monotonic()
        while await client.running() or busy(data):  # and what comes after the last end
            assert time.monotonic() - began < 60, "executions are stuck"
            await asyncio.sleep(0.1)
    await client.http.aclose()
    check(data, client)


def check(data: Path, client: Client) -> None:
    """Every promise about slots that this history can show broken."""
    found = journals(data / "headwater.sqlite")
    assert set(client.acknowledged.values()) == set(found)
    faults = [fault for rows in found.values() for fault in broken_before_the_end(rows)]
    for execution, rows in found.items():
        ended = sorted(row.path for row in rows if row.kind == "ended")
        if ended != ["/a", "/b", "/z"]:
            faults.append(f"Q1 {execution} ended with {ended}")
    assert not faults, "\n".join(faults[:20])
    connection = sqlite3.connect(f"file:{data / 'headwater.sqlite'}?mode=ro", uri=True)
    assert connection.execute("SELECT count(*) FROM slot").fetchone() == (0,)
    most = most_at_once(connection)
    connection.close()
    assert most == LIMIT, f"C1 {most} ran at once"
    queued = sum(_queued(rows) for rows in found.values())
    assert queued > EXECUTIONS / 10, "hardly one queued: the test does not bite"


def most_at_once(connection: sqlite3.Connection) -> int:
    """Return the most executions that ran at the same time, by their journals."""
    running = most = 0
    query = "SELECT to_state FROM journal WHERE path = '' AND to_state IS NOT NULL ORDER BY at"
    for (state,) in connection.execute(query):
        if state == "RUNNING":
            running += 1
        elif state == "SUCCESS":
            running -= 1
        most = max(most, running)
    return most


def _queued(rows: list[Row]) -> bool:
    return any(row.to == "QUEUED" for row in rows)
