"""What a flowable may run: its lists of children, told by the properties that hold them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from app.flows.tasks import Task
from app.flows.typed import Model

_OTHER = frozenset({"errors", "finally_"})
_DEFAULTS = "defaults"


class Branch(NamedTuple):
    """A list of children and how they relate to their flowable."""

    tasks: Sequence[Task]
    relation: Literal["SEQUENTIAL", "CHOICE", "PARALLEL", "DYNAMIC"]
    value: str | None = None
    """Of a choice: which one."""
    needs: Mapping[str, Sequence[str]] | None = None
    """Of a graph of tasks: what each of them waits for."""


def branches(task: Task) -> Iterator[Branch]:
    """Yield the lists of children that a task may run, `errors` and `finally` left out."""
    lists = {
        name: value
        for name in type(task).model_fields
        if name not in _OTHER and (value := getattr(task, name)) and _holds_tasks(value)
    }
    if set(lists) == {"tasks"} and isinstance(lists["tasks"], list):
        yield _main(task, lists["tasks"])
        return
    for name, value in lists.items():
        if isinstance(value, dict):
            yield from (Branch(tasks, "CHOICE", key) for key, tasks in value.items() if tasks)
        else:
            yield Branch(value, "CHOICE", name.rstrip("_"))


def children(task: Task) -> Iterator[Task]:
    """Yield all tasks right below a task, those of `errors` and `finally` as well."""
    for branch in branches(task):
        yield from branch.tasks
    for name in _OTHER:
        yield from getattr(task, name, ())


def _main(task: Task, listed: list[Any]) -> Branch:
    if not isinstance(listed[0], Task):
        needs = {entry.task.id: tuple(entry.depends_on or ()) for entry in listed}
        return Branch([entry.task for entry in listed], "PARALLEL", None, needs)
    fields = type(task).model_fields
    if "values" in fields or "value" in fields:
        return Branch(listed, "DYNAMIC")
    return Branch(listed, "PARALLEL" if "concurrent" in fields else "SEQUENTIAL")


def _holds_tasks(value: Any) -> bool:
    if isinstance(value, dict):
        return any(isinstance(each, list) and _holds_tasks(each) for each in value.values())
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    return isinstance(first, Task) or (
        isinstance(first, Model) and isinstance(getattr(first, "task", None), Task)
    )
