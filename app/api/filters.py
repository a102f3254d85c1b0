"""Filters as later versions of Kestra's clients send them: `filters[field][OPERATION]=value`.

A map's value has one more part, `filters[labels][EQUALS][team]=a`. Groups, at most one inside
another, number their members: `filters[or][0][flowId][EQUALS]=a`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from app.api.query import FILTERS
from app.errors import BadRequest

MAX_FILTERS = 100

OPERATIONS = frozenset(
    {
        "EQUALS", "NOT_EQUALS", "IN", "NOT_IN", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH",
        "ENDS_WITH", "PREFIX", "GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN",
        "LESS_THAN_OR_EQUAL_TO",
    }
)  # fmt: skip

_DEPTH = 4
"""Names and numbers in a place: one group inside another, each with the number of a member."""

_LOGICAL = frozenset({"and", "or"})
_KEY = re.compile(r"filters((?:\[[^\[\]]*\])+)")
_STEP = re.compile(r"\[([^\[\]]*)\]")


class Leaf(NamedTuple):
    """One comparison; `key` is the part of a map that is meant."""

    field: str
    operation: str
    value: str
    key: str | None = None

    @property
    def values(self) -> list[str]:
        """The values of a list, as IN and NOT_IN compare with."""
        return [each for each in self.value.split(",") if each]

    def __str__(self) -> str:
        """Return the filter as it is written."""
        key = f"[{self.key}]" if self.key else ""
        return f"filters[{self.field}][{self.operation}]{key}"


class Group(NamedTuple):
    """Comparisons of which all (`and`) or one (`or`) must hold."""

    logical: str
    children: "list[Leaf | Group]"


def read_filters(query: Iterable[tuple[str, str]]) -> Group:
    """Return the filters of a query as one group that must hold.

    Raises:
        BadRequest: for what is no filter.
    """
    root = Group("and", [])
    groups: dict[tuple[str, ...], Group] = {(): root}
    count = 0
    for key, value in query:
        if key.startswith(FILTERS):
            count += 1
            if count > MAX_FILTERS:
                message = f"more than {MAX_FILTERS} filters"
                raise BadRequest(message)
            _add(groups, key, value)
    return root


def _add(groups: dict[tuple[str, ...], Group], key: str, value: str) -> None:
    match = _KEY.fullmatch(key)
    steps = _STEP.findall(match.group(1)) if match else []
    place: tuple[str, ...] = ()
    while len(steps) > 2 and steps[0] in _LOGICAL:
        outer, place = place, (*place, steps[0])
        if place not in groups:
            groups[place] = Group(steps[0], [])
            groups[outer].children.append(groups[place])
        place = (*place, steps[1])  # which member: another group there is another one
        groups.setdefault(place, groups[place[:-1]])
        del steps[:2]
    if not 2 <= len(steps) <= 3 or len(place) > _DEPTH:
        message = f"{key!r} is no filter; write filters[field][OPERATION]=value"
        raise BadRequest(message)
    groups[place].children.append(_leaf(key, value, *steps))


def _leaf(key: str, value: str, field: str, operation: str, part: str | None = None) -> Leaf:
    if operation not in OPERATIONS:
        known = ", ".join(sorted(OPERATIONS))
        message = f"{key!r}: {operation!r} is no operation that is possible here; known are {known}"
        raise BadRequest(message)
    return Leaf(field, operation, value, part)


Values = Callable[[Leaf], Iterable[str]]
"""Returns the texts of a thing that a leaf compares with; raises `BadRequest` for no such field."""


def holds(node: Leaf | Group, values: Values) -> bool:
    """Whether a filter holds for a thing."""
    if isinstance(node, Leaf):
        return _compares(node, list(values(node)))
    found = (holds(child, values) for child in node.children)
    return all(found) if node.logical == "and" else any(found)


_Test = Callable[[str, str], bool]

_TESTS: Mapping[str, _Test] = {
    "EQUALS": lambda have, want: have == want,
    "CONTAINS": lambda have, want: want.casefold() in have.casefold(),
    "STARTS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
    "PREFIX": lambda have, want: have == want or have.startswith(f"{want}."),
    "GREATER_THAN": lambda have, want: have > want,
    "GREATER_THAN_OR_EQUAL_TO": lambda have, want: have >= want,
    "LESS_THAN": lambda have, want: have < want,
    "LESS_THAN_OR_EQUAL_TO": lambda have, want: have <= want,
}


def _compares(leaf: Leaf, have: list[str]) -> bool:
    operation = leaf.operation.removeprefix("NOT_")
    negated = operation != leaf.operation
    if operation == "IN":
        found = any(each in leaf.values for each in have)
    else:
        found = any(_TESTS[operation](each, leaf.value) for each in have)
    return found is not negated


def no_field(leaf: Leaf, known: Iterable[str]) -> BadRequest:
    """Return the error of a filter on a field that cannot be filtered by."""
    message = f"{leaf} is not possible here; fields are {', '.join(sorted(known))}"
    return BadRequest(message)
