"""What flow triggers remember of executions, window by window."""

import json
from collections.abc import Mapping
from typing import Any

from app.db.database import Database
from app.db.sql import Row, Write
from app.db.trigger_records import FlowKey
from app.flows.schedule_dates import micros, moment
from app.flows.windows import Memory

_SELECT = (
    "SELECT start_at, end_at, results, outputs, times, fired FROM trigger_window"
    " WHERE tenant = ? AND namespace = ? AND flow_id = ? AND key = ?"
)
_SAVE = (
    "INSERT INTO trigger_window (tenant, namespace, flow_id, key, start_at, end_at, results,"
    " outputs, times, fired) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, namespace, flow_id, key) DO UPDATE SET start_at = excluded.start_at,"
    " end_at = excluded.end_at, results = excluded.results, outputs = excluded.outputs,"
    " times = excluded.times, fired = excluded.fired"
)
_DELETE = (
    "DELETE FROM trigger_window WHERE tenant = ? AND namespace = ? AND flow_id = ? AND key = ?"
)


class WindowStore:
    """The windows of all flow triggers."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def get(self, flow: FlowKey, key: str) -> Memory | None:
        """Return what is remembered under the id of some preconditions."""
        rows = await self._database.fetch_sql(_SELECT, *flow, key)
        return _memory(rows[0]) if rows else None

    async def commit(self, *writes: Write) -> None:
        """Make changes of windows, and what belongs to them, in one transaction."""
        await self._database.submit(list(writes))


def kept(flow: FlowKey, key: str, memory: Memory) -> Write:
    """Return what stores a window."""
    row = (
        *flow,
        key,
        micros(memory.start),
        micros(memory.end),
        json.dumps(dict(memory.results)),
        json.dumps(dict(memory.outputs), default=str),
        json.dumps({name: micros(at) for name, at in memory.times.items()}),
        int(memory.fired),
    )
    return Write(_SAVE, [row])


def dropped(flow: FlowKey, key: str) -> Write:
    """Return what forgets a window."""
    return Write(_DELETE, [(*flow, key)])


def _memory(row: Row) -> Memory:
    times: Mapping[str, Any] = json.loads(row.times)
    return Memory(
        moment(row.start_at),
        moment(row.end_at),
        json.loads(row.results),
        json.loads(row.outputs),
        {name: moment(at) for name, at in times.items()},
        bool(row.fired),
    )
