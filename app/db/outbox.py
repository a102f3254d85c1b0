"""The outbox of flow triggers: states that somebody listens to, stored with what entered them.

They are in the transaction of the event itself, so no crash loses one; whoever has dealt with a
state deletes it. An execution that nobody listens to costs one question in memory.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from app.db.database import Database
from app.db.sql import Write
from app.executions import Event, Execution, Kind, State

_INSERT = "INSERT INTO upstream_event (execution_id, version, state, at) VALUES (?, ?, ?, ?)"
_SELECT = (
    "SELECT execution_id, version, state, at FROM upstream_event"
    " ORDER BY at, execution_id, version LIMIT ?"
)
_DELETE = "DELETE FROM upstream_event WHERE execution_id = ? AND version = ?"
_RANK = 7


class UpstreamEvent(NamedTuple):
    """An execution entered a state. `at` is in µs."""

    execution_id: str
    version: int
    state: str
    at: int

    @property
    def done(self) -> Write:
        """What says that it has been dealt with."""
        return Write(_DELETE, [(self.execution_id, self.version)])


class Outbox:
    """Which states are stored, and what was stored."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self.listens: Callable[[Execution, State], bool] = _nobody
        self.stored: Callable[[], None] = _nothing

    def writes(self, execution: Execution, events: Sequence[Event], first: int) -> list[Write]:
        """Return what the events of an execution put into the outbox; `first` numbers them."""
        rows = [
            (execution.id, first + place, event.to.value, event.at)
            for place, event in enumerate(events, 1)
            if event.kind is Kind.MOVED
            and event.to is not None
            and event.to is not event.origin
            and self.listens(execution, event.to)
        ]
        return [Write(_INSERT, rows, _RANK)] if rows else []

    def committed(self, done: asyncio.Future[Any]) -> None:
        """Tell that something is in the outbox, once it is durable."""
        if not done.cancelled() and done.exception() is None:
            self.stored()


async def waiting(database: Database, limit: int = 200) -> list[UpstreamEvent]:
    """Return what is in the outbox, oldest first."""
    rows = await database.fetch_sql(_SELECT, limit)
    return [UpstreamEvent(row.execution_id, row.version, row.state, row.at) for row in rows]


def _nobody(_: Execution, __: State) -> bool:
    return False


def _nothing() -> None:
    pass
