"""The public plugin API: what a task author subclasses and what a running task gets.

A `Runnable` does one thing and returns its outputs; a `Flowable` walks its children through the
`Walker`. Properties are pydantic fields: `Dynamic[...]` ones are rendered before `run`.
"""

from typing import ClassVar

from pydantic import Field

from app.executions import State
from app.flows.model import Model, Task, Tasks
from app.plugins.context import Finished, RunContext, Runnable
from app.plugins.stores import ExecutionActions, Files, KeyValueStore, States, TaskFailed, TaskLog
from app.plugins.walking import Resumption, Round, SubflowCall, SubflowResult, Walker

__all__ = [
    "ExecutionActions",
    "Files",
    "Finished",
    "Flowable",
    "KeyValueStore",
    "Model",
    "Resumption",
    "Round",
    "RunContext",
    "Runnable",
    "States",
    "SubflowCall",
    "SubflowResult",
    "TaskFailed",
    "TaskLog",
    "Walker",
]


class Flowable(Task):
    """A task that has children and decides which of them run."""

    attempts: ClassVar[bool] = False
    """Whether its run counts as an attempt (so that `retry` applies to it as a whole)."""

    own_ends: ClassVar[bool] = False
    """Whether it runs its `errors` and `finally` itself, as in every round of a loop."""

    whole: ClassVar[bool] = False
    """Whether a restart runs it anew, its children too."""

    side_by_side: ClassVar[bool] = False
    """Whether its children (and rounds) run side by side, none after the other."""

    errors: Tasks = Field(
        default_factory=list, description="Tasks to run when one of the children failed."
    )
    finally_: Tasks = Field(
        default_factory=list,
        alias="finally",
        description="Tasks to run at the end, whatever happened.",
    )

    async def walk(self, walker: Walker) -> State:
        """Run the children; return the state that follows from them."""
        raise NotImplementedError
