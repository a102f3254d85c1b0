"""What a renamed flow takes along: the cursors of its triggers, and pairs of its namespace."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db.records import FlowKey
from app.db.sql import Write
from app.db.tables import KeyValueRow, TriggerRow, WindowRow

_NAMED = ("tenant", "namespace", "flow_id")


class Rename(NamedTuple):
    """A flow that ends, and the one that goes on for it, at its first revision."""

    old: FlowKey
    new: FlowKey
    revision: int


def _columns(row: Any, but: Sequence[str]) -> str:
    return ", ".join(each.name for each in row.__table__.columns if each.name not in but)


def _copy(row: Any) -> str:
    """Return the statement that copies rows of a flow under another name, if it has none yet."""
    table, rest = row.__tablename__, _columns(row, _NAMED)
    return (
        f"INSERT INTO {table} (tenant, namespace, flow_id, {rest})"  # noqa: S608 - our own names
        f" SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), {rest} FROM {table}"
        " WHERE tenant = ? AND namespace = ? AND flow_id = ? ON CONFLICT DO NOTHING"
    )


_TRIGGERS = (_copy(TriggerRow), _copy(WindowRow))
_REST = _columns(KeyValueRow, ("tenant", "namespace"))
_PAIRS = (
    f"INSERT INTO key_value (tenant, namespace, {_REST})"  # noqa: S608 - our own names
    f" SELECT tenant, CAST(? AS TEXT), {_REST} FROM key_value WHERE tenant = ? AND namespace = ?"
    " ON CONFLICT DO NOTHING"
)
_TOLD = (
    "UPDATE flow_revision SET renamed_from = ? WHERE tenant = ? AND namespace = ?"
    " AND flow_id = ? AND revision = ?"
)


def carrying(renames: Sequence[Rename]) -> list[Write]:
    """Return what carries the state of flows over, for the transaction that activates them.

    What the new name has already stays as it is. Pairs are copied where the namespace changes.
    """
    names = [(*each.new, *each.old) for each in renames]
    pairs = {
        (each.new[1], each.old[0], each.old[1]) for each in renames if each.new[1] != each.old[1]
    }
    told = [(f"{each.old[1]}.{each.old[2]}", *each.new, each.revision) for each in renames]
    return [
        *(Write(sql, names) for sql in _TRIGGERS),
        Write(_PAIRS, sorted(pairs)),
        Write(_TOLD, told),
    ]
