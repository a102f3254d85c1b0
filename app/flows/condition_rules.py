"""What conditions mean: whether one holds for a date or an execution (reference §4.7).

Nothing is rendered here: whoever asks brings a function that does. `holds` raises when a condition
cannot be decided; triggers of dates then make a FAILED execution of it, all others count it as
false (`holds_quietly`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.errors import HeadwaterError, Invalid
from app.flows import conditions as kinds
from app.flows.condition_dates import DATE_RULES, Context, Facts, Render, Rule
from app.flows.conditions import Condition
from app.flows.labels import label_map

__all__ = ["Context", "Facts", "Render", "all_hold", "holds", "holds_quietly", "is_true"]


async def holds(condition: Condition, context: Context) -> bool:
    """Whether a condition holds.

    Raises:
        HeadwaterError: when it cannot be decided: an expression fails, a value is no date …
    """
    rule = _RULES.get(type(condition))
    if rule is None:
        message = f"a condition of type {condition.type} is not possible here"
        raise Invalid(message)
    return await rule(condition, context)


async def all_hold(conditions: Iterable[Condition], context: Context) -> bool:
    """Whether all conditions hold; the first false one ends the search. Raises as `holds`.

    Conditions that are remembered over several executions are asked elsewhere, and left out.
    """
    for condition in conditions:
        remembered = isinstance(condition, kinds.MultipleCondition)
        if not remembered and not await holds(condition, context):
            return False
    return True


async def holds_quietly(conditions: Iterable[Condition], context: Context) -> bool:
    """Whether all conditions hold; one that cannot be decided counts as false, with a warning."""
    try:
        return await all_hold(conditions, context)
    except HeadwaterError as error:
        context.warn(error.message)
        return False


def is_true(text: str) -> bool:
    """Whether the text of a rendered condition is true: neither blank nor `false`."""
    return text.strip() not in ("", "false")


# -- expressions -----------------------------------------------------------------------------------


async def _expression(condition: kinds.Expression, context: Context) -> bool:
    return is_true(await context.render(condition.expression))


async def _outputs(condition: kinds.ExecutionOutputs, context: Context) -> bool:
    execution = context.execution
    if execution is None or not execution.outputs:
        return False
    text = await context.render(condition.expression, trigger={"outputs": execution.outputs})
    return is_true(text)


async def _not(condition: kinds.Not, context: Context) -> bool:
    for each in condition.conditions:
        if await holds(each, context):
            return False
    return True


async def _or(condition: kinds.Or, context: Context) -> bool:
    for each in condition.conditions:
        if await holds(each, context):
            return True
    return False


# -- executions ------------------------------------------------------------------------------------


async def _flow(condition: kinds.ExecutionFlow, context: Context) -> bool:
    execution = context.execution
    wanted = (condition.namespace, condition.flow_id)
    return execution is not None and (execution.namespace, execution.flow_id) == wanted


async def _namespace(condition: kinds.ExecutionNamespace, context: Context) -> bool:
    if context.execution is None:
        return False
    have, wanted = context.execution.namespace, condition.namespace
    match condition.comparison or ("PREFIX" if condition.prefix else "EQUALS"):
        case "PREFIX":
            return have.startswith(wanted)
        case "SUFFIX":
            return have.endswith(wanted)
        case _:
            return have == wanted


async def _status(condition: kinds.ExecutionStatus, context: Context) -> bool:
    execution = context.execution
    return execution is not None and _wanted(execution.state, condition.in_, condition.not_in)


def _wanted(state: str, wanted: Sequence[str] | None, unwanted: Sequence[str] | None) -> bool:
    if wanted is not None and state not in wanted:
        return False
    return unwanted is None or state not in unwanted


async def _labels(condition: kinds.ExecutionLabels, context: Context) -> bool:
    if context.execution is None:
        return False
    have = context.execution.labels
    return all(have.get(key) == value for key, value in label_map(condition.labels).items())


async def _retry_attempt(condition: kinds.HasRetryAttempt, context: Context) -> bool:
    if context.execution is None:
        return False
    return any(
        _wanted(state, condition.in_, condition.not_in)
        for states in context.execution.attempts
        if len(states) > 1
        for state in states
    )


async def _own_flow(condition: kinds.FlowCondition, context: Context) -> bool:
    return (context.namespace, context.flow_id) == (condition.namespace, condition.flow_id)


async def _own_namespace(condition: kinds.FlowNamespaceCondition, context: Context) -> bool:
    if condition.prefix:
        return context.namespace.startswith(condition.namespace)
    return context.namespace == condition.namespace


_RULES: Final[Mapping[type[Condition], Rule]] = {
    **DATE_RULES,
    kinds.Expression: _expression,
    kinds.ExecutionOutputs: _outputs,
    kinds.Not: _not,
    kinds.Or: _or,
    kinds.ExecutionFlow: _flow,
    kinds.ExecutionNamespace: _namespace,
    kinds.ExecutionStatus: _status,
    kinds.ExecutionLabels: _labels,
    kinds.HasRetryAttempt: _retry_attempt,
    kinds.FlowCondition: _own_flow,
    kinds.FlowNamespaceCondition: _own_namespace,
}
