"""Rows that somebody may see: those of the namespaces that a permission reaches."""

from typing import Any

from sqlalchemy import ColumnElement, false, func, or_

from app.access import Reach


def within_reach(column: Any, reach: Reach | None) -> list[ColumnElement[bool]]:
    """Return the conditions on the column of a namespace; None: whoever asks may see all."""
    if reach is None or reach.everywhere:
        return []
    found = [_below(column, each) for each in sorted(reach.namespaces)]
    return [or_(*found)] if found else [false()]


def _below(column: Any, top: str) -> ColumnElement[bool]:
    prefix = f"{top}."
    return or_(column == top, func.substr(column, 1, len(prefix)) == prefix)  # LIKE knows no case
