"""The state of triggers: when each fires next, what it waits for, what it remembers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.db.database import Database
from app.db.reaching import within_reach
from app.db.sql import Row, Write
from app.db.tables import TriggerFlowRow, TriggerRow
from app.db.trigger_records import Backfill, FlowKey, TriggerFilter, TriggerKey, TriggerState

_TABLE: Any = TriggerRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_FLOW: Any = TriggerFlowRow.__table__  # type: ignore[attr-defined]  # as above
_C = _TABLE.c

_SAVE = (
    "INSERT INTO trigger_state (tenant, namespace, flow_id, trigger_id, type, fingerprint, date,"
    " next_at, execution_id, evaluating_at, disabled, stop_after, backfill, listens, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, namespace, flow_id, trigger_id) DO UPDATE SET type = excluded.type,"
    " fingerprint = excluded.fingerprint, date = excluded.date, next_at = excluded.next_at,"
    " execution_id = excluded.execution_id, evaluating_at = excluded.evaluating_at,"
    " disabled = excluded.disabled, stop_after = excluded.stop_after,"
    " backfill = excluded.backfill, listens = excluded.listens, updated_at = excluded.updated_at"
)
_MOVE = (
    "UPDATE trigger_state SET date = ?, next_at = ?, execution_id = ?, evaluating_at = ?,"
    " disabled = ?, backfill = ?, updated_at = ?"
    " WHERE tenant = ? AND namespace = ? AND flow_id = ? AND trigger_id = ? AND updated_at = ?"
)
_DELETE = (
    "DELETE FROM trigger_state"
    " WHERE tenant = ? AND namespace = ? AND flow_id = ? AND trigger_id = ?"
)
_LOOKED_AT = (
    "INSERT INTO trigger_flow (tenant, namespace, flow_id, blob) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET blob = excluded.blob"
)
_OF_FLOW = "SELECT * FROM trigger_state WHERE tenant = ? AND namespace = ? AND flow_id = ?"
_FORGET = (
    "DELETE FROM trigger_state WHERE tenant = ? AND namespace = ? AND flow_id = ?",
    "DELETE FROM trigger_flow WHERE tenant = ? AND namespace = ? AND flow_id = ?",
    "DELETE FROM trigger_window WHERE tenant = ? AND namespace = ? AND flow_id = ?",
)


class TriggerStore:
    """The table of triggers."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def get(self, key: TriggerKey) -> TriggerState | None:
        """Return a trigger's state, None if there is no such trigger."""
        wanted = TriggerFilter(*key, exact_namespace=True)
        rows = await self._database.fetch(select(_TABLE).where(*_conditions(wanted)))
        return _state(rows[0]) if rows else None

    async def search(
        self, wanted: TriggerFilter, *, page: int = 1, size: int = 10, sort: Sequence[str] = ()
    ) -> tuple[list[TriggerState], int]:
        """Return one page of triggers, by name unless sorted, and how many there are."""
        conditions = _conditions(wanted)
        count = await self._database.fetch(
            select(func.count()).select_from(_TABLE).where(*conditions)
        )
        query = select(_TABLE).where(*conditions).order_by(*_order(sort))
        rows = await self._database.fetch(query.limit(size).offset((page - 1) * size))
        return [_state(row) for row in rows], count[0][0]

    async def of_flow(self, flow: FlowKey) -> list[TriggerState]:
        """Return the triggers of a flow."""
        return [_state(row) for row in await self._database.fetch_sql(_OF_FLOW, *flow)]

    async def due(self, now: int, limit: int = 200) -> list[TriggerState]:
        """Return enabled triggers whose time has come and that wait for no execution."""
        query = select(_TABLE).where(_C.next_at <= now, *_ready())
        rows = await self._database.fetch(query.order_by(_C.next_at).limit(limit))
        return [_state(row) for row in rows]

    async def next_due(self, after: int) -> int | None:
        """Return when the next trigger is due, later than `after` (µs)."""
        query = select(_C.next_at).where(_C.next_at > after, *_ready())
        rows = await self._database.fetch(query.order_by(_C.next_at).limit(1))
        return int(rows[0][0]) if rows else None

    async def waiting(self) -> list[TriggerState]:
        """Return the triggers that wait for an execution."""
        rows = await self._database.fetch(select(_TABLE).where(_C.execution_id.is_not(None)))
        return [_state(row) for row in rows]

    async def listening(self) -> list[TriggerState]:
        """Return the flow triggers."""
        rows = await self._database.fetch(select(_TABLE).where(_C.listens.is_not(None)))
        return [_state(row) for row in rows]

    async def looked_at(self) -> dict[FlowKey, str]:
        """Return the flows whose triggers are known, each with its blob."""
        rows = await self._database.fetch(select(_FLOW))
        return {(row.tenant, row.namespace, row.flow_id): row.blob for row in rows}

    async def having(self) -> set[FlowKey]:
        """Return the flows that have triggers."""
        query = select(_C.tenant, _C.namespace, _C.flow_id).distinct()
        return {(row[0], row[1], row[2]) for row in await self._database.fetch(query)}

    # -- writes --------------------------------------------------------------------------------

    async def replace(
        self, flow: FlowKey, blob: str, states: Sequence[TriggerState], gone: Sequence[TriggerState]
    ) -> None:
        """Store the triggers of a flow, and that they are those of this blob."""
        writes = [
            Write(_SAVE, [_values(each) for each in states]),
            Write(_DELETE, [each.key for each in gone]),
            Write(_LOOKED_AT, [(*flow, blob)]),
        ]
        await self._database.submit([write for write in writes if write.rows])

    async def note(self, looked_at: Sequence[tuple[FlowKey, str]]) -> None:
        """Store which blobs of flows were looked at; none of these has triggers."""
        if looked_at:
            rows = [(*flow, blob) for flow, blob in looked_at]
            await self._database.submit([Write(_LOOKED_AT, rows)])

    async def forget(self, flows: Sequence[FlowKey]) -> None:
        """Delete all that is known of flows that are gone."""
        await self._database.submit([Write(sql, list(flows)) for sql in _FORGET])

    async def move(self, old: TriggerState, new: TriggerState, now: int) -> TriggerState | None:
        """Store what has changed of a trigger; None if somebody else changed it meanwhile."""
        version = max(now, old.updated_at + 1)
        row = (
            new.date,
            new.next_at,
            new.execution_id,
            new.evaluating_at,
            int(new.disabled),
            _backfill_text(new.backfill),
            version,
            *old.key,
            old.updated_at,
        )
        changed = await self._database.submit([Write(_MOVE, [row])])
        return replace(new, updated_at=version) if changed[0] else None


def _ready() -> tuple[ColumnElement[bool], ...]:
    return _C.execution_id.is_(None), _C.disabled == 0


def _conditions(wanted: TriggerFilter) -> list[ColumnElement[bool]]:
    checks = within_reach(_C.namespace, wanted.reach)
    if wanted.tenant:
        checks.append(_C.tenant == wanted.tenant)
    if wanted.namespace:
        below = _C.namespace.startswith(wanted.namespace + ".", autoescape=True)
        same = _C.namespace == wanted.namespace
        checks.append(same if wanted.exact_namespace else same | below)
    if wanted.flow_id:
        checks.append(_C.flow_id == wanted.flow_id)
    if wanted.trigger_id:
        checks.append(_C.trigger_id == wanted.trigger_id)
    if wanted.text:
        columns = (_C.trigger_id, _C.flow_id, _C.namespace)
        found = [column.icontains(wanted.text, autoescape=True) for column in columns]
        checks.append(found[0] | found[1] | found[2])
    return checks


SORTABLE = {
    "flowId": _C.flow_id,
    "namespace": _C.namespace,
    "triggerId": _C.trigger_id,
    "nextExecutionDate": _C.next_at,
    "date": _C.date,
    "executionId": _C.execution_id,
    "updatedDate": _C.updated_at,
}
"""Kestra's sort keys and our columns."""


def _order(sort: Sequence[str]) -> list[Any]:
    order = []
    for each in sort:
        name, _, direction = each.partition(":")
        if (column := SORTABLE.get(name)) is not None:
            order.append(column.desc() if direction == "desc" else column.asc())
    return [*order, _C.namespace, _C.flow_id, _C.trigger_id]


def _state(row: Row) -> TriggerState:
    return TriggerState(
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        trigger_id=row.trigger_id,
        type=row.type,
        fingerprint=row.fingerprint,
        updated_at=row.updated_at,
        date=row.date,
        next_at=row.next_at,
        execution_id=row.execution_id,
        evaluating_at=row.evaluating_at,
        disabled=bool(row.disabled),
        stop_after=tuple(json.loads(row.stop_after)),
        backfill=_backfill(row.backfill),
        listens=json.loads(row.listens) if row.listens else None,
    )


def _values(state: TriggerState) -> tuple[Any, ...]:
    return (
        *state.key,
        state.type,
        state.fingerprint,
        state.date,
        state.next_at,
        state.execution_id,
        state.evaluating_at,
        int(state.disabled),
        json.dumps(state.stop_after),
        _backfill_text(state.backfill),
        json.dumps(state.listens) if state.listens is not None else None,
        state.updated_at,
    )


def _backfill(text: str | None) -> Backfill | None:
    return Backfill(**json.loads(text)) if text else None


def _backfill_text(backfill: Backfill | None) -> str | None:
    return json.dumps(backfill._asdict()) if backfill is not None else None
