"""Where the tasks of a flow are, by id."""

from typing import Any

from app.errors import Conflict
from app.flows.model import Model, Task
from app.ports import LoadedFlow


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
