"""Which log lines a list asks for: Kestra's parameters and filters as one `LogQuery`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query
from starlette.datastructures import QueryParams

from app.api.filters import Leaf, no_field, read_filters
from app.api.granted import Right
from app.api.single_filters import dated, not_possible, only_value, single_leaves, within
from app.engine.logs import LEVELS
from app.errors import BadRequest
from app.ports import LogQuery

_Text = Annotated[str | None, Query(max_length=500)]


async def _what(
    q: _Text = None,
    min_level: Annotated[str | None, Query(alias="minLevel", max_length=10)] = None,
    scope: _Text = None,
) -> None:
    """Declare parameters of earlier versions; `wanted` reads them from the query."""


async def _where(
    namespace: _Text = None,
    flow_id: Annotated[str | None, Query(alias="flowId", max_length=500)] = None,
    execution_id: Annotated[str | None, Query(alias="executionId", max_length=100)] = None,
    trigger_id: Annotated[str | None, Query(alias="triggerId", max_length=500)] = None,
    task_id: Annotated[str | None, Query(alias="taskId", max_length=500)] = None,
) -> None:
    """Declare parameters of earlier versions, as `_what`."""


async def _when(
    start_date: Annotated[str | None, Query(alias="startDate")] = None,
    end_date: Annotated[str | None, Query(alias="endDate")] = None,
    time_range: Annotated[str | None, Query(alias="timeRange")] = None,
) -> None:
    """Declare parameters of earlier versions, as `_what`."""


PLAIN_FILTERS = (Depends(_what), Depends(_where), Depends(_when))
"""What a route depends on that lists log lines."""

_PARAMETERS = {
    "q": "EQUALS",
    "minLevel": "EQUALS",
    "scope": "EQUALS",
    "namespace": "PREFIX",
    "flowId": "EQUALS",
    "executionId": "EQUALS",
    "triggerId": "EQUALS",
    "taskId": "EQUALS",
    "startDate": "GREATER_THAN_OR_EQUAL_TO",
    "endDate": "LESS_THAN_OR_EQUAL_TO",
    "timeRange": "EQUALS",
}


def wanted(right: Right, query: QueryParams, now: int) -> LogQuery:
    """Return what a query asks for, within reach; `now` (µs) is the end of a `timeRange`.

    Raises:
        BadRequest: for filters and values that are not possible.
    """
    plain = [
        Leaf(name, operation, query[name])
        for name, operation in _PARAMETERS.items()
        if query.get(name)
    ]
    result = LogQuery(right.tenant, reach=right.reach)
    for leaf in [*plain, *single_leaves(read_filters(query.multi_items()))]:
        apply = _FIELDS.get(leaf.field)
        if apply is None:
            raise no_field(leaf, _FIELDS)
        result = apply(result, leaf, now)
    return result


def level_number(name: str) -> int:
    """Return the number of a level; raises `BadRequest` for a word that is none."""
    number = LEVELS.get(name.upper())
    if number is None:
        message = f"{name[:20]!r} is no level; known are {', '.join(LEVELS)}"
        raise BadRequest(message)
    return number


def _text(result: LogQuery, leaf: Leaf, _: int) -> LogQuery:
    if leaf.operation not in ("EQUALS", "CONTAINS"):
        raise not_possible(leaf, "EQUALS", "CONTAINS")
    return replace(result, text=leaf.value)


def _namespace(result: LogQuery, leaf: Leaf, _: int) -> LogQuery:
    if leaf.operation in ("PREFIX", "STARTS_WITH"):
        return replace(result, namespace=leaf.value.rstrip("."), below=True)
    return replace(result, namespace=only_value(leaf), below=False)


def _level(result: LogQuery, leaf: Leaf, _: int) -> LogQuery:
    """Apply a level: EQUALS means the least one, as in Kestra; IN means exactly these."""
    numbers = [level_number(each) for each in leaf.values]
    if leaf.operation == "IN":
        return replace(result, levels=numbers)
    if leaf.operation == "NOT_IN":
        return replace(
            result, levels=_some(each for each in LEVELS.values() if each not in numbers)
        )
    if leaf.operation in ("EQUALS", "GREATER_THAN_OR_EQUAL_TO") and len(numbers) == 1:
        return replace(result, least=numbers[0])
    if leaf.operation == "NOT_EQUALS" and len(numbers) == 1:
        return replace(result, levels=_some(each for each in LEVELS.values() if each < numbers[0]))
    raise not_possible(leaf, "EQUALS", "NOT_EQUALS", "IN", "NOT_IN")


def _some(levels: Iterable[int]) -> list[int]:
    """Return levels; where none is left, one that no line has (an empty list would mean all)."""
    return list(levels) or [-1]


def _attempt(result: LogQuery, leaf: Leaf, _: int) -> LogQuery:
    text = only_value(leaf)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        message = f"{leaf.field}: {text[:20]!r} is no number"
        raise BadRequest(message)
    return replace(result, attempt=int(text))


def _scope(result: LogQuery, leaf: Leaf, _: int) -> LogQuery:
    """Take note of the scope: nothing here belongs to the system."""
    only_value(leaf)
    return result


_Apply = Callable[[LogQuery, Leaf, int], LogQuery]

_FIELDS: Mapping[str, _Apply] = {
    "q": _text,
    "query": _text,
    "namespace": _namespace,
    "flowId": lambda result, leaf, _: replace(result, flow_id=only_value(leaf)),
    "executionId": lambda result, leaf, _: replace(result, execution_id=only_value(leaf)),
    "triggerId": lambda result, leaf, _: replace(result, trigger_id=only_value(leaf)),
    "taskId": lambda result, leaf, _: replace(result, task_ids=[only_value(leaf)]),
    "taskRunId": lambda result, leaf, _: replace(result, task_run_id=only_value(leaf)),
    "attemptNumber": _attempt,
    "level": _level,
    "minLevel": _level,
    "startDate": dated,
    "endDate": dated,
    "timestamp": dated,
    "timeRange": within,
    "scope": _scope,
}
