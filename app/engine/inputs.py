"""Inputs at the start and at the end of a pause: resolved with the flow's expressions."""

from collections.abc import Mapping
from typing import Any

from app.engine.json import as_json
from app.engine.scope import flow_variables
from app.errors import Conflict
from app.expressions import Environment, compile_template
from app.flows.inputs import resolve_inputs, validate_inputs
from app.flows.model import Inputs, Model, Task
from app.flows.nesting import nest
from app.ports import LoadedFlow

_ENVIRONMENT = Environment()


async def resolve(loaded: LoadedFlow, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a new execution: defaults filled in, converted, nested by dots.

    Raises:
        InvalidInputs: with every error, in Kestra's words.
    """
    return _resolved(loaded, loaded.flow.inputs, data)


async def tolerated(loaded: LoadedFlow, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of an execution that a trigger starts without validation.

    What can be converted is, what cannot stays as it was given; nothing is required, and what the
    flow does not declare is kept.
    """
    states = validate_inputs(
        loaded.flow.inputs, data, evaluate=_evaluate, variables=flow_variables(loaded)
    )
    declared = {
        state.input.id: state.value
        for state in states
        if state.enabled and (state.value is not None or not state.errors)
    }
    known = {state.input.id for state in states}
    others = {key: value for key, value in data.items() if key not in known}
    return dict(as_json({**others, **nest(declared)}))


async def resume_inputs(
    loaded: LoadedFlow, task_id: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the `onResume` inputs of a pause, resolved like any inputs."""
    task = find_task(loaded, task_id)
    return _resolved(loaded, getattr(task, "on_resume", None) or [], data)


def _resolved(loaded: LoadedFlow, declared: Inputs, data: Mapping[str, Any]) -> dict[str, Any]:
    if not declared:
        return {}
    resolved = resolve_inputs(declared, data, evaluate=_evaluate, variables=flow_variables(loaded))
    return dict(as_json(resolved))


def _evaluate(template: str, context: Mapping[str, Any]) -> Any:
    return compile_template(template).value(context, _ENVIRONMENT)


def find_task(loaded: LoadedFlow, task_id: str) -> Task:
    """Return a task of the flow by its id, however deep it lies.

    Raises:
        Conflict: when the flow has no such task.
    """
    stack: list[Any] = [loaded.flow]
    while stack:
        value = stack.pop()
        if isinstance(value, Task) and value.id == task_id:
            return value
        stack.extend(_below(value))
    message = f"flow {loaded.revision.flow_id} has no task {task_id}"
    raise Conflict(message)


def _below(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return list(value.__dict__.values()) if isinstance(value, Model) else []
