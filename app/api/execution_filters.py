"""Which executions a list asks for: Kestra's parameters and filters as one `ExecutionFilter`."""

from collections.abc import Callable
from dataclasses import replace

from starlette.datastructures import QueryParams

from app.api.filters import Group, Leaf, read_filters
from app.api.granted import Right
from app.api.single_filters import dated, not_possible, only_value, within
from app.db.executions import ExecutionFilter
from app.errors import BadRequest
from app.executions import State

_STATES = tuple(state.value for state in State)
_STATE_NAMES = frozenset(_STATES) | {"SUBMITTED", "BREAKPOINT", "RESUBMITTED"}
"""Further states that clients know of; no execution here is ever in one of them."""


def wanted(right: Right, query: QueryParams, now: int) -> ExecutionFilter:
    """Return what a query asks for, within reach; `now` (µs) is the end of a `timeRange`.

    Raises:
        BadRequest: for filters and values that are not possible.
    """
    result = ExecutionFilter(right.tenant, reach=right.reach)
    for leaf in [*_plain(query), *_leaves(read_filters(query.multi_items()))]:
        result = _applied(result, leaf, now)
    return result


def _plain(query: QueryParams) -> list[Leaf]:
    """Return the parameters of earlier versions as filters."""
    leaves = [
        Leaf(name, operation, query[name])
        for name, operation in _PARAMETERS.items()
        if query.get(name)
    ]
    if states := query.getlist("state"):
        leaves.append(Leaf("state", "IN", ",".join(states)))
    return [*leaves, *(Leaf("labels", "EQUALS", each) for each in query.getlist("labels"))]


_PARAMETERS = {
    "q": "EQUALS",
    "scope": "EQUALS",
    "namespace": "PREFIX",
    "flowId": "EQUALS",
    "startDate": "GREATER_THAN_OR_EQUAL_TO",
    "endDate": "LESS_THAN_OR_EQUAL_TO",
    "timeRange": "EQUALS",
    "triggerExecutionId": "EQUALS",
    "childFilter": "EQUALS",
}


def _leaves(group: Group) -> list[Leaf]:
    """Return the comparisons of a query, all of which must hold."""
    leaves: list[Leaf] = []
    for child in group.children:
        if isinstance(child, Leaf):
            leaves.append(child)
        elif child.logical == "and":
            leaves.extend(_leaves(child))
        else:
            leaves.append(_one_of(child))
    return leaves


def _one_of(group: Group) -> Leaf:
    """Return alternatives of one field as a single comparison.

    Raises:
        BadRequest: for alternatives of several fields.
    """
    leaves = [each for each in group.children if isinstance(each, Leaf)]
    same = {each.field for each in leaves}
    plain = all(each.operation in ("EQUALS", "IN") for each in leaves)
    if len(leaves) < len(group.children) or len(same) != 1 or not plain:
        message = "filters[or] of executions takes EQUALS and IN of one field"
        raise BadRequest(message)
    return Leaf(same.pop(), "IN", ",".join(each.value for each in leaves))


def _applied(result: ExecutionFilter, leaf: Leaf, now: int) -> ExecutionFilter:
    apply = _FIELDS.get(leaf.field)
    if apply is None:
        message = f"{leaf} is not possible here; fields are {', '.join(sorted(_FIELDS))}"
        raise BadRequest(message)
    return apply(result, leaf, now)


def _text(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    if leaf.operation not in ("EQUALS", "CONTAINS"):
        raise not_possible(leaf, "EQUALS", "CONTAINS")
    return replace(result, text=leaf.value)


def _namespace(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    if leaf.operation in ("PREFIX", "STARTS_WITH"):
        return replace(result, namespace=leaf.value.rstrip("."), exact_namespace=False)
    return replace(result, namespace=only_value(leaf), exact_namespace=True)


def _flow(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    return replace(result, flow_id=only_value(leaf))


def _state(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    values = [leaf.value] if leaf.operation.endswith("EQUALS") else leaf.values
    for each in values:
        if each not in _STATE_NAMES:
            message = f"state: {each!r} is no state; known are {', '.join(_STATES)}"
            raise BadRequest(message)
    if leaf.operation in ("NOT_EQUALS", "NOT_IN"):
        return replace(result, states=[each for each in _STATES if each not in values])
    if leaf.operation not in ("EQUALS", "IN"):
        raise not_possible(leaf, "EQUALS", "IN", "NOT_EQUALS", "NOT_IN")
    return replace(result, states=values)


def _labels(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    if leaf.operation != "EQUALS":
        raise not_possible(leaf, "EQUALS")
    key, colon, value = (leaf.key, ":", leaf.value) if leaf.key else leaf.value.partition(":")
    if not (key and colon):
        message = f"labels: {leaf.value!r} is not key:value"
        raise BadRequest(message)
    return replace(result, labels=[*result.labels, (key, value)])


def _parent(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    return replace(result, parent_id=only_value(leaf))


def _trigger(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    return replace(result, trigger_id=only_value(leaf))


def _revision(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    value = only_value(leaf)
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        message = f"flowRevision: {value!r} is no number of a revision"
        raise BadRequest(message)
    return replace(result, revision=int(value))


def _ids(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    if leaf.operation not in ("EQUALS", "IN"):
        raise not_possible(leaf, "EQUALS", "IN")
    return replace(result, ids=[leaf.value] if leaf.operation == "EQUALS" else leaf.values)


def _child(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    if (value := only_value(leaf)) not in ("CHILD", "MAIN"):
        message = f"childFilter: {value!r} is neither CHILD nor MAIN"
        raise BadRequest(message)
    return replace(result, child=value == "CHILD")


def _scope(result: ExecutionFilter, leaf: Leaf, _: int) -> ExecutionFilter:
    """Take note of the scope: nothing here belongs to the system."""
    only_value(leaf)
    return result


_Apply = Callable[[ExecutionFilter, Leaf, int], ExecutionFilter]

_FIELDS: dict[str, _Apply] = {
    "q": _text,
    "namespace": _namespace,
    "flowId": _flow,
    "state": _state,
    "labels": _labels,
    "startDate": dated,
    "endDate": dated,
    "timeRange": within,
    "parentId": _parent,
    "triggerExecutionId": _parent,
    "triggerId": _trigger,
    "flowRevision": _revision,
    "id": _ids,
    "childFilter": _child,
    "scope": _scope,
    "kind": _scope,
}
