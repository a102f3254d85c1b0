"""Frames: where in the tree of tasks a line of work stands."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.executions import ROOT, TaskRunPath
from app.flows.model import Retry


@dataclass(slots=True)
class Halt:
    """Shared by what runs side by side: once one failed, nothing new starts among them.

    What was to start in the same moment still does, however fast the first one failed: siblings
    are created together, as in Kestra.
    """

    halted: bool = False
    closed: bool = False
    """Halted before this turn of the loop."""

    def halt(self) -> None:
        """Let nothing new start from now on, and nothing at all from the next turn on."""
        if not self.halted:
            self.halted = True
            asyncio.get_running_loop().call_soon(self._close)

    def stops(self, *, begins: bool) -> bool:
        """Whether a task may not start: one that `begins` what was created with its siblings."""
        return self.closed if begins else self.halted

    def _close(self) -> None:
        self.closed = True


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
    item: Mapping[str, Any] | None = None
    """What the rounds of a `Loop` see of their item."""
    homes: tuple[str, ...] = ()
    """The rounds whose outputs are apart from all others (see `OutputTree`), outermost first."""
    isolated: bool = False
    """Whether this list itself is such a round."""
    error: Mapping[str, Any] | None = None
    """What failed, for the tasks of an `errors` list."""

    def round(self, index: int, value: str | None, halt: Halt) -> "Frame":
        """Return the frame of one round of the same flowable."""
        return replace(self, index=index, value=value, halt=halt)

    def alone(self, index: int, value: str, item: Mapping[str, Any], halt: Halt) -> "Frame":
        """Return the frame of a round whose outputs nobody else sees."""
        homes = (*self.homes, f"{self.path}[{index}]")
        return replace(
            self, index=index, value=value, halt=halt, item=item, homes=homes, isolated=True
        )

    def after_failure(self, error: Mapping[str, Any] | None) -> "Frame":
        """Return the frame of the lists that follow the main one."""
        return replace(self, halt=Halt(), error=error or self.error)

    def below(self, path: TaskRunPath, retry: Retry | None) -> "Frame":
        """Return the frame of the children of the task run at `path`."""
        return Frame(
            path,
            retry=retry or self.retry,
            directory=self.directory,
            item=self.item,
            homes=self.homes,
            error=self.error,
        )
