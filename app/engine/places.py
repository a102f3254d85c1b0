"""Places: where a task run stands, and how its events begin."""

from app.engine.frames import Frame
from app.engine.live import Live
from app.executions import ROOT, Event, Kind, State, child_path
from app.flows.model import Task


class Place:
    """Where a task run stands: its path, its frame, and how its events begin."""

    __slots__ = ("frame", "live", "path", "run_id", "task")

    def __init__(self, live: Live, task: Task, frame: Frame) -> None:
        """Find the place of `task` in `frame`."""
        self.live = live
        self.task = task
        self.frame = frame
        self.path = child_path(frame.path, task.id, frame.index)
        self.run_id = live.execution.run_id(self.path)

    def event(self, kind: Kind, to: State | None = None, **data: object) -> Event:
        """Make an event of this task run; the first one says where the run belongs."""
        if self.path not in self.live.execution.task_runs:
            data = {**self._origin(), **data}
        return self.live.event(kind, self.path, to, **data)

    def _origin(self) -> dict[str, object]:
        origin: dict[str, object] = {"task": self.task.id}
        if self.frame.path != ROOT:
            origin["parent"] = self.frame.path
        if self.frame.value is not None:
            origin["value"] = self.frame.value
        if self.frame.isolated:
            origin["isolated"] = True
        return origin


def retrying(place: Place, due: int, error: str | None, *, definite: bool) -> list[Event]:
    """Return the events of a failed attempt that is followed by another one."""
    event = place.event(Kind.RETRYING, State.RETRYING, due=due, error=error, definite=definite)
    return [event, place.live.event(Kind.MOVED, ROOT, State.RETRYING)]


def running_again(live: Live) -> list[Event]:
    """Return the event that ends the RETRYING of an execution, if it is in that state."""
    if live.execution.state is State.RETRYING:
        return [live.event(Kind.MOVED, ROOT, State.RUNNING)]
    return []
