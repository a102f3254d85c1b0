"""What a flow trigger remembers: conditions on several executions that must hold in one window.

Kestra has three forms of it: `preconditions`, the older condition `MultipleCondition`, and
`dependsOn` of its version 2. All become a `Join`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Invalid
from app.flows import conditions as kinds
from app.flows.condition_rules import Context, Facts, holds_quietly
from app.flows.labels import Labels, label_map
from app.flows.patterns import full_match
from app.flows.preconditions import Filter, FilterGroup, Preconditions, TimeWindow
from app.flows.trigger_types import FlowTrigger
from app.flows.windows import Frame, frame_of, frame_of_second

Test = Callable[[Context], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Join:
    """Named tests, and how many of them must have held in one window."""

    key: str
    """Under this its results are remembered."""
    frame: Frame
    tests: Mapping[str, Test]
    needed: int
    reset: bool = True
    """Whether the results are forgotten once the trigger has fired."""
    once: bool = False
    """Whether the trigger fires once in a window only."""
    by_flow: bool = False
    """Whether outputs are told apart by the flow that they are of."""


def joins_of(trigger: FlowTrigger) -> list[Join]:
    """Return what a trigger remembers; nothing if each execution is judged by itself."""
    joins = [
        _of_multiple(condition)
        for condition in trigger.conditions
        if isinstance(condition, kinds.MultipleCondition)
    ]
    if trigger.preconditions is not None:
        joins.append(_of_preconditions(trigger.preconditions))
    if trigger.depends_on:
        joins.append(_of_upstreams(trigger))
    return [join for join in joins if join.tests]


def _of_multiple(condition: kinds.MultipleCondition) -> Join:
    window = condition.time_window or TimeWindow(
        window=condition.window, window_advance=condition.window_advance
    )
    tests = {name: _condition(each) for name, each in condition.conditions.items()}
    return Join(condition.id, frame_of(window), tests, len(tests), condition.reset_on_success)


def _condition(condition: kinds.Condition) -> Test:
    async def test(context: Context) -> bool:
        return await holds_quietly([condition], context)

    return test


def _of_preconditions(wanted: Preconditions) -> Join:
    tests: dict[str, Test] = {}
    for number, flow in enumerate(wanted.flows or ()):
        tests[f"flow {number}: {flow.namespace}.{flow.flow_id or '*'}"] = _upstream(
            flow.namespace, flow.flow_id, flow.states, flow.labels, None
        )
    for group in wanted.where or ():
        tests[f"where {group.id}"] = _group(group)
    frame = frame_of(wanted.time_window)
    return Join(wanted.id, frame, tests, len(tests), wanted.reset_on_success)


def _of_upstreams(trigger: FlowTrigger) -> Join:
    upstreams = trigger.depends_on or []
    tests = {
        f"{number}: {each.namespace}.{each.flow_id or '*'}": _upstream(
            each.namespace, each.flow_id, each.states, each.labels, each.when
        )
        for number, each in enumerate(upstreams)
    }
    needed = {"ANY": 1, "AT_LEAST": trigger.min_satisfied or 1}.get(trigger.mode or "", len(tests))
    return Join(
        f"dependsOn.{trigger.id}",
        frame_of_second(trigger.window),
        tests,
        min(needed, len(tests)),
        once=bool(trigger.window and trigger.window.fire_once) or trigger.on_miss is not None,
        by_flow=True,
    )


def _upstream(
    namespace: str,
    flow_id: str | None,
    states: Sequence[str] | None,
    labels: Labels | None,
    when: str | None,
) -> Test:
    wanted = label_map(labels or [])

    async def test(context: Context) -> bool:
        facts = context.execution
        if facts is None or facts.namespace != namespace or flow_id not in (None, facts.flow_id):
            return False
        if states is not None and facts.state not in states:
            return False
        if any(facts.labels.get(key) != value for key, value in wanted.items()):
            return False
        return when is None or await _true(when, context)

    return test


async def _true(expression: str, context: Context) -> bool:
    return await holds_quietly(
        [kinds.Expression(type=kinds.Expression.type_name, expression=expression)], context
    )


def _group(group: FilterGroup) -> Test:
    async def test(context: Context) -> bool:
        for each in group.filters:
            if await _filter(each, context) is (group.operand == "OR"):
                return group.operand == "OR"
        return group.operand == "AND"

    return test


async def _filter(wanted: Filter, context: Context) -> bool:
    facts = context.execution
    if facts is None:
        return False
    if wanted.field == "EXPRESSION":
        return _compares(wanted.type, await context.render(wanted.value or ""), "", ())
    value = None if wanted.value is None else await context.render(wanted.value)
    return _compares(wanted.type, _field(wanted.field, facts), value or "", wanted.values or ())


def _field(name: str, facts: Facts) -> str:
    return {"FLOW_ID": facts.flow_id, "NAMESPACE": facts.namespace}.get(name, facts.state)


def _compares(kind: str, have: str, value: str, values: Sequence[str]) -> bool:
    try:
        return _COMPARISONS[kind](have, value, values)
    except ValueError as error:
        message = f"`{value}` is no regular expression: {error}"
        raise Invalid(message) from None


_COMPARISONS: Mapping[str, Callable[[str, str, Sequence[str]], bool]] = {
    "EQUAL_TO": lambda have, value, _: have == value,
    "NOT_EQUAL_TO": lambda have, value, _: have != value,
    "IN": lambda have, _, values: have in values,
    "NOT_IN": lambda have, _, values: have not in values,
    "IS_TRUE": lambda have, _, __: have.strip().lower() == "true",
    "IS_FALSE": lambda have, _, __: have.strip().lower() == "false",
    "IS_NULL": lambda have, _, __: not have.strip(),
    "IS_NOT_NULL": lambda have, _, __: bool(have.strip()),
    "STARTS_WITH": lambda have, value, _: have.startswith(value),
    "ENDS_WITH": lambda have, value, _: have.endswith(value),
    "CONTAINS": lambda have, value, _: value in have,
    "REGEX": lambda have, value, _: full_match(value, have),
}


def merged(outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return outputs of several executions as one: maps are merged, later values win."""
    result: dict[str, Any] = {}
    for each in outputs:
        for key, value in each.items():
            known = result.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                result[key] = merged([known, value])
            else:
                result[key] = value
    return result
