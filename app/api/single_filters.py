"""Filters of lists that the database answers: comparisons that must all hold, one by one."""

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from app.api.filters import Group, Leaf
from app.api.times import read_duration, read_instant
from app.db.executions import ExecutionFilter
from app.errors import BadRequest
from app.ports import LogQuery

D = TypeVar("D", ExecutionFilter, LogQuery)


def single_leaves(group: Group) -> list[Leaf]:
    """Return the comparisons of a query, all of which must hold.

    Raises:
        BadRequest: for alternatives.
    """
    leaves: list[Leaf] = []
    for child in group.children:
        if isinstance(child, Leaf):
            leaves.append(child)
        elif child.logical == "and" or len(child.children) == 1:
            leaves.extend(single_leaves(child))
        else:
            message = "filters[or] is not possible here; filters must all hold"
            raise BadRequest(message)
    return leaves


def only_value(leaf: Leaf) -> str:
    """Return the one value that a comparison allows; raises `BadRequest` for others."""
    if leaf.operation == "IN" and len(leaf.values) == 1:
        return leaf.values[0]
    if leaf.operation != "EQUALS":
        raise not_possible(leaf, "EQUALS")
    return leaf.value


def not_possible(leaf: Leaf, *operations: str) -> BadRequest:
    """Return the error for a comparison that its field does not allow."""
    return BadRequest(
        f"{leaf} is not possible here; with {leaf.field} use {' or '.join(operations)}"
    )


def dated(result: D, leaf: Leaf, _: int) -> D:
    """Return the query from or until the date of a comparison."""
    at = read_instant(leaf.value, leaf.field)
    if leaf.operation.startswith("GREATER_THAN"):
        return replace(result, since=at)
    if leaf.operation.startswith("LESS_THAN"):
        return replace(result, until=at)
    raise not_possible(leaf, "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN_OR_EQUAL_TO")


def within(result: D, leaf: Leaf, now: int) -> D:
    """Return the query of the last time of a length, counted from `now` (µs)."""
    return replace(result, since=now - read_duration(only_value(leaf), leaf.field))


def sortable(sort: list[str], known: Collection[str]) -> list[str]:
    """Return the order that is asked for; raises `BadRequest` when it is not possible."""
    for each in sort:
        name, _, direction = each.partition(":")
        if name not in known or direction not in ("", "asc", "desc"):
            names = ", ".join(known)
            message = f"sort: {each!r} is not possible; known are {names}, each with :asc or :desc"
            raise BadRequest(message)
    return sort
