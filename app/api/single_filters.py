"""Filters of lists that the database answers: comparisons that must all hold, one by one."""

from collections.abc import Collection

from app.api.filters import Group, Leaf
from app.errors import BadRequest


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
        message = f"{leaf} is not possible here; with {leaf.field} use EQUALS"
        raise BadRequest(message)
    return leaf.value


def sortable(sort: list[str], known: Collection[str]) -> list[str]:
    """Return the order that is asked for; raises `BadRequest` when it is not possible."""
    for each in sort:
        name, _, direction = each.partition(":")
        if name not in known or direction not in ("", "asc", "desc"):
            names = ", ".join(known)
            message = f"sort: {each!r} is not possible; known are {names}, each with :asc or :desc"
            raise BadRequest(message)
    return sort
