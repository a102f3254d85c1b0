"""Rounds of a loop that see nothing of each other."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from app.engine.frames import Frame
from app.engine.interpreter import Interpreter
from app.engine.places import Place
from app.engine.rendering import Renderer
from app.executions import State
from app.flows.model import Task


class LoopRound:
    """Implements `Round`."""

    def __init__(
        self, interpreter: Interpreter, place: Place, frame: Frame, renderer: Renderer
    ) -> None:
        """Be the round that runs in `frame`."""
        self.item: Mapping[str, Any] = frame.item or {}
        self._interpreter = interpreter
        self._place = place
        self._frame = frame
        self._renderer = renderer

    async def body(
        self, tasks: Sequence[Task], errors: Sequence[Task], finally_: Sequence[Task]
    ) -> State:
        """Run the tasks of the round, `errors` if they failed, then `finally`."""
        frame = self._frame
        main = partial(self._interpreter.sequence, tasks, frame)
        return await self._interpreter.body(main, errors, finally_, frame)

    async def render(self, value: Any, /, **extra: Any) -> Any:
        """Render a template or every template of a structure."""
        seen = self._interpreter.variables(self._place, self._frame)
        return await rendered(self._renderer, value, {**seen, **extra})

    def stop(self) -> None:
        """Let no other round begin."""
        self._frame.halt.halt()


async def rendered(renderer: Renderer, value: Any, variables: Mapping[str, Any]) -> Any:
    """Render a text, or every text of a structure."""
    if isinstance(value, str):
        return await renderer.text(value, variables)
    return await renderer.deep(value, variables)
