"""`core.flow.ForEach` and its older forms: tasks once for each value."""

from typing import Any

import orjson
from pydantic import Field

from app.errors import Invalid
from app.executions import State
from app.flows.model import SomeTasks
from app.plugins.api import Flowable, Walker

_INSTEAD = "use io.kestra.plugin.core.flow.ForEach"
_VALUES = "The values: a list, or an expression that gives a JSON list."


class ForEach(Flowable):
    """Run a group of tasks once for each value of a list.

    Within a round tasks run one after another; at most `concurrencyLimit` rounds run at a time.
    The values are frozen when the loop begins; equal ones count once.
    """

    type_name = "io.kestra.plugin.core.flow.ForEach"

    values: str | list[Any] = Field(description=_VALUES)
    concurrency_limit: int = Field(
        default=1, ge=0, description="How many rounds run at a time; 0 is all of them."
    )
    tasks: SomeTasks = Field(description="The tasks of a round, in order.")

    async def walk(self, walker: Walker) -> State:
        """Run the rounds."""
        values = await frozen_values(walker, self.values)
        return await walker.rounds(values, self.tasks, self.concurrency_limit)


class EachSequential(Flowable):
    """Run a group of tasks for one value of a list after another."""

    type_name = "io.kestra.plugin.core.flow.EachSequential"
    aliases = ("io.kestra.core.tasks.flows.EachSequential",)
    deprecated = _INSTEAD

    value: str | list[Any] = Field(description=_VALUES)
    tasks: SomeTasks = Field(description="The tasks of a round, in order.")

    async def walk(self, walker: Walker) -> State:
        """Run the rounds."""
        return await walker.rounds(await frozen_values(walker, self.value), self.tasks)


class EachParallel(Flowable):
    """Run every task for every value of a list, all of them side by side."""

    type_name = "io.kestra.plugin.core.flow.EachParallel"
    aliases = ("io.kestra.core.tasks.flows.EachParallel",)
    deprecated = _INSTEAD
    side_by_side = True

    value: str | list[Any] = Field(description=_VALUES)
    concurrent: int = Field(
        default=0, ge=0, description="How many task runs run at a time; 0 is all of them."
    )
    tasks: SomeTasks = Field(description="The tasks that run for each value.")

    async def walk(self, walker: Walker) -> State:
        """Run all tasks of all values."""
        values = await frozen_values(walker, self.value)
        return await walker.rounds(values, self.tasks, self.concurrent, apart=True)


async def frozen_values(walker: Walker, declared: str | list[Any]) -> list[str]:
    """Return the texts of a loop's values as they are when it begins."""

    async def values() -> list[str]:
        return await loop_values(walker, declared)

    found: list[str] = await walker.decide(values)
    return found


async def loop_values(walker: Walker, declared: str | list[Any]) -> list[str]:
    """Return the texts of a loop's values, each once, in order (reference §2.1.3).

    Raises:
        Invalid: when it is no list, or an item is null or of a kind that has no text.
    """
    if isinstance(declared, str):
        items = _parsed(await walker.render(declared))
    else:
        items = [await _item(walker, item) for item in declared]
    return list(dict.fromkeys(item_text(item) for item in items))


def _parsed(text: str) -> list[Any]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list):
        message = f"`values` must give a JSON list, and gave {text[:200]!r}"
        raise Invalid(message)
    return items


async def _item(walker: Walker, item: Any) -> Any:
    if isinstance(item, bool | float | list):
        message = f"Unknown value element type: {type(item).__name__}"
        raise Invalid(message)
    return await walker.render(item) if isinstance(item, str | dict) else item


def item_text(item: Any) -> str:
    """Return the text of a value: itself, or its compact JSON.

    Raises:
        Invalid: for a null.
    """
    if item is None:
        message = "`values` holds a null; loops have no empty rounds"
        raise Invalid(message)
    return item if isinstance(item, str) else orjson.dumps(item).decode()
