"""Task-run paths: the name of a task run inside its execution, stable over crashes and restarts.

`/loop[3]/call` is the task `call` in the fourth round of the task `loop`. A path is a plain string:
it is a key of dictionaries and of journal rows, millions of times.
"""

from typing import NewType

TaskRunPath = NewType("TaskRunPath", str)

ROOT = TaskRunPath("")
"""The path of the execution itself."""


def child_path(parent: TaskRunPath, task_id: str, index: int | None = None) -> TaskRunPath:
    """Return the path of a child of `parent`; `index` is the parent's round, counted from 0."""
    if index is None:
        return TaskRunPath(f"{parent}/{task_id}")
    return TaskRunPath(f"{parent}[{index}]/{task_id}")
