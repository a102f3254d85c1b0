"""The journal on SQL: events in, events out, group-committed (contract D2).

Each event is one row, keyed by (execution, version): a second writer of the same version fails on
the key, which is the compare-and-set. The execution's row is written in the same transaction.
"""

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from app.db.audit import creation_writes
from app.db.database import Database
from app.db.outbox import Outbox
from app.db.slots import leaving
from app.db.sql import Row, Write
from app.errors import Conflict
from app.executions import Event, Execution, Kind, State
from app.executions.paths import TaskRunPath
from app.ports import Claim, LogEntry, MetricEntry

_INSERT_EXECUTION = (
    "INSERT INTO execution (id, tenant, namespace, flow_id, revision, commit_sha, blob, state,"
    " version, created_at, ended_at, open, parked, wake_at, parent_id, original_id, labels,"
    " trigger_type, trigger_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_CLAIM = (
    "INSERT INTO claim (tenant, scope, key, execution_id, body_hash, at) VALUES (?, ?, ?, ?, ?, ?)"
)
_INSERT_EVENT = (
    "INSERT INTO journal (execution_id, version, kind, path, from_state, to_state, attempt,"
    " delivery, fence, at, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_EXECUTION = (
    "UPDATE execution SET state = ?, version = ?, ended_at = ?, open = ?, parked = ?, wake_at = ?,"
    " labels = ? WHERE id = ?"
)
_INSERT_LOG = (
    "INSERT INTO log (execution_id, seq, task_run_id, task_id, attempt, level, at, message)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_METRIC = (
    "INSERT INTO metric (execution_id, seq, task_run_id, task_id, name, kind, value, at, tags)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT_EVENTS = (
    "SELECT kind, path, to_state, attempt, delivery, at, data FROM journal"
    " WHERE execution_id = ? ORDER BY version"
)
_SELECT_EVENTS_OF = (
    "SELECT execution_id, kind, path, to_state, attempt, delivery, at, data FROM journal"
    " WHERE execution_id IN ({}) ORDER BY execution_id, version"
)

# The order in which statements of one batch run: an execution before its events and updates.
_EXECUTION, _CLAIM, _EVENT, _UPDATE, _LOG, _METRIC = range(6)


class Stored(NamedTuple):
    """How the execution's row stands besides its state."""

    parked: bool
    wake_at: int | None


class SqlJournal:
    """The `Journal` port on a database."""

    def __init__(self, database: Database, epoch: int) -> None:
        """Write through `database`; `epoch` numbers this start of the process (the fence)."""
        self._database = database
        self._epoch = epoch
        # Log lines are numbered over restarts: the epoch leads, so no start repeats another's.
        self._seq = itertools.count(epoch << 40)
        self.outbox = Outbox()

    def append(
        self,
        execution: Execution,
        events: Sequence[Event],
        *,
        claim: Claim | None = None,
        parked: bool = False,
        wake_at: int | None = None,
        touch: bool = False,
        follows: Execution | None = None,
    ) -> asyncio.Future[Any]:
        """Queue events (see the port)."""
        first = execution.version - len(events)
        rows = [
            self._event_row(execution.id, first + offset, event)
            for offset, event in enumerate(events)
        ]
        writes = [Write(_INSERT_EVENT, rows, _EVENT)] if rows else []
        stored = Stored(parked, wake_at)
        changed = any(event.kind in _ROW_KINDS for event in events)
        if first == 0:
            writes.append(Write(_INSERT_EXECUTION, [_execution_row(execution, stored)], _EXECUTION))
            if claim is not None:
                writes.append(Write(_INSERT_CLAIM, [_claim_row(execution, claim)], _CLAIM))
            writes += creation_writes(execution)
        elif touch or changed or not rows:
            writes.append(Write(_UPDATE_EXECUTION, [_update_row(execution, stored)], _UPDATE))
        if execution.slot and execution.state.terminal and events:
            writes.extend(leaving(execution))
        heard = self.outbox.writes(execution, events, first) if first and changed else []
        future = self._database.submit([*writes, *heard] if heard else writes, execution, follows)
        if heard:
            future.add_done_callback(self.outbox.committed)
        return future

    def _event_row(self, execution_id: str, version: int, event: Event) -> tuple[Any, ...]:
        return (
            execution_id,
            version,
            _NAMES[event.kind],
            event.path,
            _NAMES[event.origin],
            _NAMES[event.to],
            event.attempt,
            event.delivery,
            self._epoch,
            event.at,
            encoded(data) if (data := event.kept or event.data) else None,
        )

    def write_logs(self, entries: Sequence[LogEntry]) -> asyncio.Future[Any]:
        """Queue log lines."""
        rows = [(entry.execution_id, next(self._seq), *entry[1:]) for entry in entries]
        return self._database.submit([Write(_INSERT_LOG, rows, _LOG)])

    def write_metrics(self, entries: Sequence[MetricEntry]) -> asyncio.Future[Any]:
        """Queue metrics."""
        rows = [(entry.execution_id, next(self._seq), *entry[1:]) for entry in entries]
        return self._database.submit([Write(_INSERT_METRIC, rows, _METRIC)])

    async def read(self, execution_id: str) -> list[Event]:
        """Return the committed events of an execution, empty if there is none."""
        return [_event(row) for row in await self._database.fetch_sql(_SELECT_EVENTS, execution_id)]

    async def read_many(self, ids: Sequence[str]) -> dict[str, list[Event]]:
        """Return the committed events of several executions, by id."""
        journals: dict[str, list[Event]] = {each: [] for each in ids}
        if ids:
            marks = ", ".join("?" * len(ids))
            for row in await self._database.fetch_sql(_SELECT_EVENTS_OF.format(marks), *ids):
                journals[row.execution_id].append(_event(row))
        return journals


# Reading `.value` of an enumeration costs more than a look-up, and this runs for every event.
_NAMES: dict[Kind | State | None, str | None] = {
    None: None,
    **{each: each.value for each in (*Kind, *State)},
}
_KINDS: dict[str, Kind] = {each.value: each for each in Kind}
_STATES: dict[str | None, State] = {each.value: each for each in State}
_ROW_KINDS = frozenset({Kind.MOVED, Kind.LABELLED, Kind.RESTARTED})


def _event(row: Row) -> Event:
    kind, to = _KINDS.get(row.kind), _STATES.get(row.to_state)
    if kind is None or (to is None and row.to_state):
        found = repr(row.kind if kind is None else row.to_state)[:50]
        message = f"its journal has {found}, which a newer version wrote and this one cannot read"
        raise Conflict(message)
    return Event(
        kind=kind,
        at=row.at,
        path=TaskRunPath(row.path),
        to=to,
        attempt=row.attempt,
        delivery=row.delivery,
        data=decoded(row.data) if row.data else {},
    )


def _execution_row(execution: Execution, stored: Stored) -> tuple[Any, ...]:
    trigger = execution.trigger or {}
    return (
        execution.id,
        execution.tenant,
        execution.namespace,
        execution.flow_id,
        execution.revision,
        execution.commit,
        execution.blob,
        execution.state.value,
        execution.version,
        execution.created_at,
        _ended_at(execution),
        int(not execution.over),
        int(stored.parked),
        stored.wake_at,
        execution.caller_id,
        execution.original_id,
        _labels(execution),
        trigger.get("type"),
        trigger.get("id"),
    )


def _update_row(execution: Execution, stored: Stored) -> tuple[Any, ...]:
    return (
        execution.state.value,
        execution.version,
        _ended_at(execution),
        int(not execution.over),
        int(stored.parked),
        stored.wake_at,
        _labels(execution),
        execution.id,
    )


def _claim_row(execution: Execution, claim: Claim) -> tuple[Any, ...]:
    return (
        claim.tenant,
        claim.scope,
        claim.key,
        execution.id,
        claim.body_hash,
        execution.created_at,
    )


def _ended_at(execution: Execution) -> int | None:
    return execution.histories[-1].at if execution.state.terminal else None


def _labels(execution: Execution) -> str:
    return encoded([list(label) for label in execution.labels])


def encoded(data: dict[str, Any] | list[Any]) -> str:
    """Return data as JSON text, whatever a flow put into it.

    orjson refuses integers beyond 64 bits and lone surrogates; the standard library writes them.
    """
    try:
        return orjson.dumps(data).decode()
    except TypeError:
        return json.dumps(data, default=str)


def decoded(text: str) -> Any:
    """Return what `encoded` was given."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
