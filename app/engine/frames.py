"""Frames: where in the tree of tasks a line of work stands."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from app.executions import ROOT, TaskRunPath
from app.flows.model import Retry


@dataclass(slots=True)
class Halt:
    """Shared by what runs side by side: once one failed, nothing new starts among them."""

    halted: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings of the tasks of one list.

    `path` is the flowable they belong to (ROOT: the flow); `index` and `value` are its round.
    `retry` is the nearest policy above, for tasks that have none.
    """

    path: TaskRunPath = ROOT
    index: int | None = None
    value: str | None = None
    retry: Retry | None = None
    halt: Halt = field(default_factory=Halt)
    directory: Path | None = None
    """The working directory that tasks share, inside a `WorkingDirectory`."""

    def round(self, index: int, value: str | None, halt: Halt) -> "Frame":
        """Return the frame of one round of the same flowable."""
        return replace(self, index=index, value=value, halt=halt)

    def below(self, path: TaskRunPath, retry: Retry | None) -> "Frame":
        """Return the frame of the children of the task run at `path`."""
        return Frame(path, retry=retry or self.retry, directory=self.directory)
