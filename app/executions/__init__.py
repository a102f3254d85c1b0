"""The life of an execution: states, events, and the fold of events into an execution. Pure."""

from app.executions.events import Event, Kind
from app.executions.execution import Execution, Label
from app.executions.ids import execution_id, first_id, task_run_id
from app.executions.paths import ROOT, TaskRunPath, child_path
from app.executions.states import State
from app.executions.task_runs import TaskRun

__all__ = [
    "ROOT",
    "Event",
    "Execution",
    "Kind",
    "Label",
    "State",
    "TaskRun",
    "TaskRunPath",
    "child_path",
    "execution_id",
    "first_id",
    "task_run_id",
]
