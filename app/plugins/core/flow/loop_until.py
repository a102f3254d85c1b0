"""`core.flow.LoopUntil`, once `WaitFor`: tasks again and again until a condition holds."""

from datetime import timedelta
from typing import Any

from pydantic import Field

from app.executions import State
from app.expressions import truthy
from app.flows.model import Model, SomeTasks
from app.flows.values import Duration, Dynamic, Text
from app.plugins.api import Flowable, Walker
from app.plugins.core.flow.properties import Positive, boolean, duration, number

_STOPS = frozenset({State.FAILED, State.KILLED})


class CheckFrequency(Model):
    """How often a loop goes round, and when it gives up."""

    max_iterations: Dynamic[Positive] | None = Field(
        None, description="The most rounds there may be; unlimited if unset."
    )
    max_duration: Dynamic[Duration] | None = Field(
        None, description="No round starts later than this after the first; unlimited if unset."
    )
    interval: Dynamic[Duration] = Field(
        timedelta(minutes=1), description="The time between two rounds."
    )


class LoopUntil(Flowable):
    """Run tasks again and again until a condition holds.

    It is evaluated after each round and sees the outputs of that round. Between two rounds the
    execution waits outside of memory; only the task runs of the last round are kept.
    """

    type_name = "io.kestra.plugin.core.flow.LoopUntil"

    condition: Text = Field(
        description='An expression; empty, "false", "0" and "-0" are false, all else is true.'
    )
    tasks: SomeTasks = Field(description="The tasks of a round, in order.")
    fail_on_max_reached: Dynamic[bool] = Field(
        default=False, description="Whether giving up is a failure."
    )
    check_frequency: CheckFrequency = Field(
        default_factory=CheckFrequency,
        description="The time between rounds, and how many there may be.",
    )

    async def walk(self, walker: Walker) -> State:
        """Go round until the condition holds, a task fails, or there were rounds enough."""
        if walker.noted is None:
            walker.note({"turn": 1, "since": walker.now()}, {"iterationCount": 1})
        while True:
            note = walker.noted
            if "due" not in note:
                state = await walker.turn(self.tasks, note["turn"])
                end = await self._end(walker, state, note)
                if end is not None:
                    return end
                interval = await duration(walker, "interval", self.check_frequency.interval)
                note = {**note, "due": walker.now() + interval // timedelta(microseconds=1)}
                walker.note(note)
            await walker.until(note["due"])
            turn = note["turn"] + 1
            following = {"turn": turn, "since": note["since"]}
            walker.next_turn(turn, following, {"iterationCount": turn})

    async def _end(self, walker: Walker, state: State, note: dict[str, Any]) -> State | None:
        """Return the state in which the loop is over after a round, None if it goes on."""
        if state in _STOPS or truthy(await walker.render(self.condition)):
            return state
        reached = await self._reached(walker, note)
        if reached is None:
            return None
        walker.log("WARN", f"{reached} before the condition held")
        return State.FAILED if await boolean(walker, self.fail_on_max_reached) else state

    async def _reached(self, walker: Walker, note: dict[str, Any]) -> str | None:
        limits = self.check_frequency
        if limits.max_iterations is not None:
            most = await number(walker, "maxIterations", limits.max_iterations)
            if note["turn"] >= most:
                return f"the limit of {most} rounds was reached"
        if limits.max_duration is not None:
            longest = await duration(walker, "maxDuration", limits.max_duration)
            if walker.now() > note["since"] + longest // timedelta(microseconds=1):
                return "the longest duration was reached"
        return None


class WaitForFrequency(CheckFrequency):
    """How often a loop goes round, and when it gives up."""

    max_iterations: Dynamic[Positive] | None = Field(
        100, description="The most rounds there may be."
    )
    max_duration: Dynamic[Duration] | None = Field(
        timedelta(hours=1), description="No round starts later than this after the first."
    )
    interval: Dynamic[Duration] = Field(
        timedelta(seconds=1), description="The time between two rounds."
    )


class WaitFor(LoopUntil):
    """Run tasks again and again until a condition holds: `LoopUntil` with limits."""

    type_name = "io.kestra.plugin.core.flow.WaitFor"
    deprecated = "use io.kestra.plugin.core.flow.LoopUntil, which has no limits by default"

    check_frequency: WaitForFrequency = Field(
        default_factory=WaitForFrequency,
        description="The time between rounds, and how many there may be.",
    )
