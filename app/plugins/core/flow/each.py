"""`core.flow.ForEach`: tasks once for each value."""

from typing import Any

import orjson
from pydantic import Field

from app.errors import Invalid
from app.executions import State
from app.flows.model import SomeTasks
from app.plugins.api import Flowable, Walker


class ForEach(Flowable):
    """Run a group of tasks once for each value of a list.

    Within a round tasks run one after another; at most `concurrencyLimit` rounds run at a time.
    The values are frozen when the loop begins; equal ones count once.
    """

    type_name = "io.kestra.plugin.core.flow.ForEach"

    values: str | list[Any] = Field(
        description="The values: a list, or an expression that gives a JSON list."
    )
    concurrency_limit: int = Field(
        default=1, ge=0, description="How many rounds run at a time; 0 is all of them."
    )
    tasks: SomeTasks = Field(description="The tasks of a round, in order.")

    async def walk(self, walker: Walker) -> State:
        """Run the rounds."""

        async def values() -> list[str]:
            return await loop_values(walker, self.values)

        return await walker.rounds(await walker.decide(values), self.tasks, self.concurrency_limit)


async def loop_values(walker: Walker, declared: str | list[Any]) -> list[str]:
    """Return the texts of a loop's values, each once, in order (reference §2.1.3).

    Raises:
        Invalid: when it is no list, or an item is null or of a kind that has no text.
    """
    if isinstance(declared, str):
        items = _parsed(await walker.render(declared))
    else:
        items = [await _item(walker, item) for item in declared]
    return list(dict.fromkeys(_text(item) for item in items))


def _parsed(text: str) -> list[Any]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = f"`values` must give a JSON list, and gave {text[:200]!r}"
        raise Invalid(message) from None
    if not isinstance(items, list):
        message = f"`values` must give a JSON list, and gave {text[:200]!r}"
        raise Invalid(message)
    return items


async def _item(walker: Walker, item: Any) -> Any:
    if isinstance(item, bool | float | list):
        message = f"Unknown value element type: {type(item).__name__}"
        raise Invalid(message)
    return await walker.render(item) if isinstance(item, str | dict) else item


def _text(item: Any) -> str:
    if item is None:
        message = "`values` holds a null; loops have no empty rounds"
        raise Invalid(message)
    return item if isinstance(item, str) else orjson.dumps(item).decode()
