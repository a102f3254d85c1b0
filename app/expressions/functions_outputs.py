"""Functions that find outputs and states in the context (reference §3.11)."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from app.errors import ExpressionError
from app.expressions.arguments import list_input, map_input, text_argument, whole_argument
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_function


@declare_function("currentEachOutput", "outputs")
def current_each_output(evaluation: Evaluation, outputs: Any) -> Any:
    """The output of a sibling task in the current iteration, in nested loops too.

    `{{ currentEachOutput(outputs.fetch).body }}` instead of
    `{{ outputs.fetch[parent.taskrun.value][taskrun.value].body }}`.
    """
    found: Any = map_input("currentEachOutput", outputs)
    for value in _parent_values(evaluation):
        found = found.get(value)
        if not isinstance(found, Mapping):
            message = "'currentEachOutput' finds no outputs for the current iteration"
            raise ExpressionError(message)
    return found.get(_task_run(evaluation).get("value"))


@declare_function("iterationOutput", "taskId", "iteration")
def iteration_output(evaluation: Evaluation, task_id: Any = None, iteration: Any = None) -> Any:
    """The output `value` of a task in an iteration, by default of this task in the previous one."""
    run = _task_run(evaluation)
    if "iteration" not in run:
        message = "'iterationOutput' works inside of loops only"
        raise ExpressionError(message)
    name = _variable(evaluation, "task").get("id") if task_id is None else task_id
    number = run["iteration"] - 1 if iteration is None else iteration
    index = whole_argument("iterationOutput", "iteration", number)
    found: Any = _variable(evaluation, "outputs").get(str(name))
    for value in _parent_values(evaluation):
        found = found.get(value) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    if not 0 <= index < len(found):
        message = f"'iterationOutput' finds iterations 0 to {len(found) - 1}, not {index}"
        raise ExpressionError(message)
    output = list(found.values())[index]
    return output.get("value") if isinstance(output, Mapping) else None


@declare_function("loopOutputs", "outputs", "name")
def loop_outputs(outputs: Any, name: Any) -> list[Any]:
    """One output of all iterations of a loop, as a list; null where an iteration lacks it."""
    key = text_argument("loopOutputs", "name", name)
    result = []
    for iteration in list_input("loopOutputs", outputs):
        made = iteration.get("outputs") if isinstance(iteration, Mapping) else None
        result.append(made.get(key) if isinstance(made, Mapping) else None)
    return result


@declare_function("parentOutput", "index")
def parent_output(evaluation: Evaluation, index: Any = None) -> Any:
    """The outputs of the parent task, or of the ancestor at `index`, counted from the outermost."""
    parents = _parents(evaluation)
    if index is None:
        parent = _variable(evaluation, "parent")
    else:
        place = whole_argument("parentOutput", "index", index)
        if not 0 <= place < len(parents):
            message = f"'parentOutput' finds {len(parents)} ancestors, none at {place}"
            raise ExpressionError(message)
        parent = parents[-1 - place]
    if "outputs" in parent:
        return parent["outputs"]
    task, run = parent.get("task"), parent.get("taskrun")
    name = task.get("id") if isinstance(task, Mapping) else None
    found = _variable(evaluation, "outputs").get(str(name))
    value = run.get("value") if isinstance(run, Mapping) else None
    return found.get(value) if value is not None and isinstance(found, Mapping) else found


@declare_function("tasksWithState", "state")
def tasks_with_state(evaluation: Evaluation, state: Any) -> list[dict[str, Any]]:
    """The tasks in a state: maps of `taskId`, `state` and, in loops, `value`."""
    wanted = _state_name(state) or text_argument("tasksWithState", "state", state)
    result = []
    tasks = evaluation.context.get("tasks")
    for task_id, about in tasks.items() if isinstance(tasks, Mapping) else ():
        if not isinstance(about, Mapping):
            continue
        evaluation.meter.spend(1 + len(about))
        for key, value in about.items():
            inner = isinstance(value, Mapping)
            name = _state_name(value.get("state") if inner else value if key == "state" else None)
            if name and name == wanted.upper():
                found = {"taskId": task_id, "state": name}
                result.append({**found, "value": key} if inner else found)
    return result


def _state_name(value: Any) -> str | None:
    if isinstance(value, Enum):
        return value.name
    return value.upper() if isinstance(value, str) else None


def _variable(evaluation: Evaluation, name: str) -> Mapping[str, Any]:
    value = evaluation.context.get(name)
    return value if isinstance(value, Mapping) else {}


def _task_run(evaluation: Evaluation) -> Mapping[str, Any]:
    return _variable(evaluation, "taskrun")


def _parents(evaluation: Evaluation) -> list[Mapping[str, Any]]:
    parents = evaluation.context.get("parents")
    found = parents if isinstance(parents, (list, tuple)) else []
    return [parent for parent in found if isinstance(parent, Mapping)]


def _parent_values(evaluation: Evaluation) -> list[Any]:
    """Return the values of the loops around the current one, the outermost first."""
    runs = [parent.get("taskrun") for parent in reversed(_parents(evaluation))]
    return [run.get("value") for run in runs if isinstance(run, Mapping)]
