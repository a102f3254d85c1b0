"""Slots of flows with limited concurrency: who runs, who waits (the `Slots` port).

The row of `concurrency` is the lock: whoever changes slots of a flow updates it first, in the same
transaction, so that counting and taking are one step, on however many nodes. Who holds a slot is
a row of `slot`; the count is always taken from these, so it cannot drift.
"""
# ruff: noqa: S608 - statements are put together from constants of this module

from collections.abc import Sequence
from typing import Any

from app.db.database import Database
from app.db.sql import Write
from app.executions import Execution
from app.ports import FlowKey

_FLOW = "tenant = ? AND namespace = ? AND flow_id = ?"
# An execution that waits for a retry holds its slot without counting, as in Kestra.
_HELD = (
    "(SELECT count(*) FROM slot s JOIN execution e ON e.id = s.execution_id"
    " WHERE s.tenant = ? AND s.namespace = ? AND s.flow_id = ? AND s.running = 1"
    " AND e.state <> 'RETRYING')"
)
_OPEN = (
    "INSERT INTO concurrency (tenant, namespace, flow_id, running, most) VALUES (?, ?, ?, 0, ?)"
    " ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET most = excluded.most"
)
_LOCK = f"UPDATE concurrency SET running = running WHERE {_FLOW}"
_COUNT = f"UPDATE concurrency SET running = {_HELD} WHERE {_FLOW}"
_INSERT = (
    "INSERT INTO slot (execution_id, tenant, namespace, flow_id, running, at)"
    " SELECT CAST(? AS VARCHAR), tenant, namespace, flow_id, CAST(? AS INTEGER), CAST(? AS BIGINT)"
    f" FROM concurrency WHERE {_FLOW}"
)
_WAIT = f"{_INSERT} ON CONFLICT (execution_id) DO NOTHING"
_IF_FREE = f"{_INSERT} AND running < most ON CONFLICT (execution_id) DO NOTHING"
_FORCE = f"{_INSERT} ON CONFLICT (execution_id) DO UPDATE SET running = 1"
_PROMOTE = (
    "UPDATE slot SET running = 1 WHERE execution_id IN (SELECT execution_id FROM slot"
    f" WHERE {_FLOW} AND running = 0 ORDER BY at, execution_id LIMIT"
    " (SELECT CASE WHEN most > running THEN most - running ELSE 0 END"
    f" FROM concurrency WHERE {_FLOW}))"
)
_MINE = "UPDATE slot SET running = 1 WHERE execution_id = ? AND running = 1"
_LEAVE = "DELETE FROM slot WHERE execution_id = ?"
_HOLDS = "SELECT 1 FROM slot WHERE execution_id = ? AND running = 1"
_RELEASED = (
    "SELECT s.execution_id AS id FROM slot s JOIN execution e ON e.id = s.execution_id"
    " WHERE s.running = 1 AND e.state IN ('QUEUED', 'CREATED')"
)
_WAITING = (
    "SELECT c.tenant, c.namespace, c.flow_id FROM concurrency c WHERE EXISTS (SELECT 1 FROM slot s"
    " WHERE s.tenant = c.tenant AND s.namespace = c.namespace AND s.flow_id = c.flow_id"
    " AND s.running = 0)"
)
_DEAD = (
    "SELECT s.execution_id AS id, s.tenant, s.namespace, s.flow_id FROM slot s"
    " LEFT JOIN execution e ON e.id = s.execution_id"
    " WHERE s.running = 1 AND (e.id IS NULL OR e.ended_at IS NOT NULL)"
)


class SqlSlots:
    """The `Slots` port on a database."""

    def __init__(self, database: Database) -> None:
        """Keep slots in `database`."""
        self._database = database

    async def enter(self, execution: Execution, limit: int, at: int, *, queue: bool) -> bool:
        """Take a slot, or with `queue` wait for one (see the port)."""
        key, flow = execution.id, execution.flow_key
        insert = (_WAIT, (key, 0, at, *flow)) if queue else (_IF_FREE, (key, 1, at, *flow))
        writes = [(_OPEN, (*flow, limit)), _count(flow), insert, *_promotion(flow)]
        counts = await self._submit([*writes, (_MINE, (key,))], execution)
        return counts[-1] > 0

    async def force(self, execution: Execution, limit: int, at: int) -> None:
        """Take a slot whatever the limit says (see the port)."""
        flow = execution.flow_key
        insert = (_FORCE, (execution.id, 1, at, *flow))
        await self._submit([(_OPEN, (*flow, limit)), insert, _count(flow)], execution)

    async def holds(self, execution_id: str) -> bool:
        """Whether the execution holds a slot."""
        return bool(await self._database.fetch_sql(_HOLDS, execution_id))

    async def released(self, flow: FlowKey | None = None) -> Sequence[str]:
        """Return ids of executions that wait although they hold a slot by now."""
        if flow is None:
            rows = await self._database.fetch_sql(_RELEASED)
        else:
            sql = f"{_RELEASED} AND s.tenant = ? AND s.namespace = ? AND s.flow_id = ?"
            rows = await self._database.fetch_sql(sql, *flow)
        return [row.id for row in rows]

    async def waiting(self) -> Sequence[FlowKey]:
        """Return the flows of which executions wait for a slot."""
        rows = await self._database.fetch_sql(_WAITING)
        return [(row.tenant, row.namespace, row.flow_id) for row in rows]

    async def release(self, flow: FlowKey, limit: int) -> None:
        """Give free slots to the oldest that wait, under this limit from now on."""
        await self._submit([(_OPEN, (*flow, limit)), _count(flow), *_promotion(flow)])

    async def sweep(self) -> int:
        """Take slots from executions that have ended or are gone; return how many there were."""
        dead = await self._database.fetch_sql(_DEAD)
        for row in dead:
            await self._submit(_leaving(row.id, (row.tenant, row.namespace, row.flow_id)))
        return len(dead)

    async def _submit(
        self, statements: Sequence[tuple[str, tuple[Any, ...]]], execution: Execution | None = None
    ) -> list[int]:
        return await self._database.submit(
            [Write(sql, [row]) for sql, row in statements], execution
        )


def leaving(execution: Execution) -> list[Write]:
    """Return the writes that give up an execution's slot to the oldest that waits.

    They go along with the event that ends it (contract D2).
    """
    return [Write(sql, [row]) for sql, row in _leaving(execution.id, execution.flow_key)]


def _leaving(execution_id: str, flow: FlowKey) -> list[tuple[str, tuple[Any, ...]]]:
    return [(_LOCK, flow), (_LEAVE, (execution_id,)), _count(flow), *_promotion(flow)]


def _count(flow: FlowKey) -> tuple[str, tuple[Any, ...]]:
    return _COUNT, (*flow, *flow)


def _promotion(flow: FlowKey) -> list[tuple[str, tuple[Any, ...]]]:
    return [(_PROMOTE, (*flow, *flow)), _count(flow)]
