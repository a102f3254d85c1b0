"""Which flows a Flow trigger may listen to: what its conditions say without an execution."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.flows.conditions import (
    Condition,
    ExecutionFlow,
    ExecutionNamespace,
    MultipleCondition,
    Not,
    Or,
)
from app.flows.preconditions import Filter, FilterGroup, Preconditions
from app.flows.trigger_types import FlowTrigger
from app.flows.upstream import Upstream
from app.flows.values import is_template

_Name = tuple[str, str]
"""Namespace and id of a flow."""


def hears(trigger: FlowTrigger, namespace: str, flow_id: str) -> bool:
    """Whether a trigger may fire for executions of this flow.

    What only an execution decides (states, labels, expressions) counts as possible.
    """
    name = (namespace, flow_id)
    if trigger.disabled or not all(_may_hold(each, name) for each in trigger.conditions):
        return False
    if trigger.depends_on and not any(_upstream(each, name) for each in trigger.depends_on):
        return False
    return trigger.preconditions is None or _precondition(trigger.preconditions, name)


def _upstream(upstream: Upstream, name: _Name) -> bool:
    return _fits(upstream.namespace, name[0]) and _fits(upstream.flow_id, name[1])


def _fits(wanted: str | None, have: str) -> bool:
    return wanted is None or wanted == have or is_template(wanted)


def _may_hold(condition: Condition, name: _Name) -> bool:
    match condition:
        case ExecutionFlow():
            return _fits(condition.namespace, name[0]) and _fits(condition.flow_id, name[1])
        case ExecutionNamespace():
            return _in_namespace(condition, name[0])
        case Or():
            return any(_may_hold(each, name) for each in condition.conditions)
        case Not():
            return all(_may_fail(each, name) for each in condition.conditions)
        case MultipleCondition():
            about = [each for each in condition.conditions.values() if _names_flows(each)]
            return not about or any(_may_hold(each, name) for each in about)
        case _:
            return True


def _may_fail(condition: Condition, name: _Name) -> bool:
    match condition:
        case ExecutionFlow() | ExecutionNamespace():
            return not _may_hold(condition, name)
        case Or():
            return all(_may_fail(each, name) for each in condition.conditions)
        case Not():
            return any(_may_hold(each, name) for each in condition.conditions)
        case _:
            return True


def _names_flows(condition: Condition) -> bool:
    """Whether a condition is about which flow it was."""
    if isinstance(condition, Or | Not):
        return any(_names_flows(each) for each in condition.conditions)
    return isinstance(condition, ExecutionFlow | ExecutionNamespace)


def _in_namespace(condition: ExecutionNamespace, have: str) -> bool:
    wanted = condition.namespace
    if is_template(wanted):
        return True
    match condition.comparison or ("PREFIX" if condition.prefix else "EQUALS"):
        case "PREFIX":
            return have.startswith(wanted)
        case "SUFFIX":
            return have.endswith(wanted)
        case _:
            return have == wanted


def _precondition(preconditions: Preconditions, name: _Name) -> bool:
    flows, where = preconditions.flows or (), preconditions.where or ()
    if not flows and not where:
        return True
    named = any(_fits(e.namespace, name[0]) and _fits(e.flow_id, name[1]) for e in flows)
    return named or any(_group(each, name) for each in where)


def _group(group: FilterGroup, name: _Name) -> bool:
    found = [_filter(each, name) for each in group.filters]
    return all(found) if group.operand == "AND" else any(found)


def _filter(each: Filter, name: _Name) -> bool:
    have = {"NAMESPACE": name[0], "FLOW_ID": name[1]}.get(each.field)
    test = _TESTS.get(each.type)
    if have is None or test is None or is_template(each.value or ""):
        return True
    return test(have, each.values if each.value is None else each.value)


_TESTS: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    "EQUAL_TO": lambda have, want: have == want,
    "NOT_EQUAL_TO": lambda have, want: have != want,
    "IN": lambda have, want: have in (want or ()),
    "NOT_IN": lambda have, want: have not in (want or ()),
    "STARTS_WITH": lambda have, want: have.startswith(want),
    "ENDS_WITH": lambda have, want: have.endswith(want),
    "CONTAINS": lambda have, want: want in have,
}
