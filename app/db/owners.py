"""Whose logs and metrics are: an execution's, or what is kept of one that was deleted."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.sql.selectable import CompoundSelect, FromClause

from app.db.tables import ExecutionRow, KeptRow, LogRow, MetricRow

_EXECUTION: Any = ExecutionRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_KEPT: Any = KeptRow.__table__  # type: ignore[attr-defined]  # as above
_LOG: Any = LogRow.__table__  # type: ignore[attr-defined]  # as above
_METRIC: Any = MetricRow.__table__  # type: ignore[attr-defined]  # as above

_SHARED = ("id", "tenant", "namespace", "flow_id", "trigger_id")

Conditions = Sequence[ColumnElement[bool]]


class Owner:
    """Columns that executions and deleted ones have both."""

    def __init__(self, *columns: Any) -> None:
        """Name the columns."""
        self.id, self.tenant, self.namespace, self.flow_id, self.trigger_id = columns


_OF_EXECUTION = Owner(*(_EXECUTION.c[name] for name in _SHARED))
_OF_KEPT = Owner(*(_KEPT.c[name] for name in _SHARED))
EITHER = Owner(*(func.coalesce(_EXECUTION.c[name], _KEPT.c[name]) for name in _SHARED))
"""Whose a row of `with_owner` is; null where nobody knows."""


def within(
    owner: Owner, tenant: str, namespace: str | None, flow_id: str | None, *, below: bool = True
) -> list[ColumnElement[bool]]:
    """Return the conditions that an execution is of a tenant, a namespace, a flow.

    With `below`, it may be of a namespace below that one.
    """
    checks: list[ColumnElement[bool]] = [owner.tenant == tenant]
    if namespace:
        same = owner.namespace == namespace
        lower = owner.namespace.startswith(namespace + ".", autoescape=True)
        checks.append(same | lower if below else same)
    if flow_id:
        checks.append(owner.flow_id == flow_id)
    return checks


def with_owner(table: Any) -> FromClause:
    """Return the rows of a table, each beside the execution it belongs to."""
    mine = table.c.execution_id
    joined: FromClause = table.outerjoin(_EXECUTION, _EXECUTION.c.id == mine).outerjoin(
        _KEPT, _KEPT.c.id == mine
    )
    return joined


def ids_where(conditions: Callable[[Owner], Conditions]) -> CompoundSelect[Any]:
    """Return the query for the ids of executions, deleted or not, that meet conditions."""
    present = select(_OF_EXECUTION.id).where(*conditions(_OF_EXECUTION))
    return present.union_all(select(_OF_KEPT.id).where(*conditions(_OF_KEPT)))


def kept(tenant: str, execution_id: str) -> Select[Any]:
    """Return the query for the deleted execution with this id, if something is kept of it."""
    return select(_KEPT).where(_KEPT.c.id == execution_id, _KEPT.c.tenant == tenant)


def keep(executions: Any, now: int) -> Insert:
    """Return the statement that remembers whose it is what executions leave when they go.

    `executions` is a query for ids. Of those that leave nothing, nothing is remembered.
    """
    columns = (*(_EXECUTION.c[name] for name in _SHARED), literal(now))
    left = or_(*(_left(table, _EXECUTION.c.id) for table in (_LOG, _METRIC)))
    leaving = select(*columns).where(_EXECUTION.c.id.in_(executions), left)
    return insert(_KEPT).from_select([*_SHARED, "deleted_at"], leaving)


def forget(condition: ColumnElement[bool] | None = None) -> Delete:
    """Return the statement that forgets the deleted executions of which nothing is left."""
    statement = delete(_KEPT).where(*(~_left(table, _KEPT.c.id) for table in (_LOG, _METRIC)))
    return statement if condition is None else statement.where(condition)


def forget_some(ids: Sequence[str]) -> Delete:
    """Return the statement that forgets those of these of which nothing is left."""
    return forget(_KEPT.c.id.in_(ids))


def _left(table: Any, owner: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = select(literal(1)).where(table.c.execution_id == owner).exists()
    return found
