"""`core.flow.Loop`: rounds that see nothing of each other (Kestra 2.0)."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

import orjson
from pydantic import Field

from app.errors import Invalid
from app.executions import State
from app.expressions import truthy
from app.flows.declarations import Output
from app.flows.model import SomeTasks
from app.flows.outputs import resolve_outputs
from app.flows.values import Text
from app.plugins.api import Flowable, Round, Walker
from app.plugins.core.flow.each import item_text
from app.plugins.core.splitting import text_lines

_FAILED = frozenset({State.FAILED, State.KILLED})


class Loop(Flowable):
    """Run a group of tasks once for each item of a list, a map or a file (one item a line).

    Tasks see the item as `item.value`, `item.index` and, in a map, `item.key`; the items of loops
    further out are `item.parent` and `item.parents`. A round sees its own outputs and those from
    before the loop, and nobody else sees anything of it but what `outputs` declares. `errors` and
    `finally` run in every round.
    """

    type_name = "io.kestra.plugin.core.flow.Loop"
    own_ends = True

    values: str | list[Any] | dict[str, Any] = Field(
        description="The items: a list, a map, the URI of a file, or an expression that gives one."
    )
    concurrency_limit: int = Field(
        default=0, ge=0, description="How many rounds run at a time; 0 is all of them."
    )
    tasks: SomeTasks = Field(description="The tasks of a round, in order.")
    outputs: list[Output] = Field(
        default_factory=list, description="What each round makes known outside of the loop."
    )
    fetch_type: Literal["AUTO", "FETCH", "STORE"] = Field(
        "AUTO",
        description="Where the outputs of rounds are: FETCH in the loop's own outputs, STORE in a"
        " file (one line a round), AUTO in a file if the items are in one.",
    )
    break_when: Text | None = Field(
        None,
        description="An expression evaluated after each round, which sees `item` and"
        " `iteration.state` and `iteration.outputs`; once it is true no other round begins.",
    )
    transmit_failed: bool = Field(
        default=True, description="Whether a round that failed fails the loop."
    )

    async def walk(self, walker: Walker) -> State:
        """Run the rounds, then tell of them."""
        items, is_file = await self._items(walker)
        walk = _Walk(self)
        first = next((task for task in self.tasks if not task.disabled), None)
        state = State.SUCCESS
        if first is not None:
            state = await walker.loop(items, first, walk.round, self.concurrency_limit)
        outputs: dict[str, Any] = {
            "iterationCount": len(items),
            "runningIterations": 0,
            "terminatedIterations": dict(walk.ended),
        }
        told = [walk.told[index] for index in sorted(walk.told)]
        if self.outputs:
            stored = is_file if self.fetch_type == "AUTO" else self.fetch_type == "STORE"
            if stored:
                outputs["uri"] = await walker.context.put_file("outputs.ion", _lines(told))
            else:
                outputs["outputs"] = told
        walker.output(outputs)
        return state

    async def _items(self, walker: Walker) -> tuple[list[Mapping[str, Any]], bool]:
        async def pairs() -> Any:
            return await _pairs(walker, self.values)

        frozen = await walker.decide(pairs)
        around = walker.context.variables.get("item")
        if isinstance(frozen, str):
            texts = [line async for line in text_lines(walker.context.get_file(frozen)) if line]
            return [_item(index, None, text, around) for index, text in enumerate(texts)], True
        return [_item(index, key, text, around) for index, (key, text) in enumerate(frozen)], False


class _Walk:
    """What one walk of a loop learns of its rounds."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.ended: Counter[str] = Counter()
        self.told: dict[int, Mapping[str, Any]] = {}

    async def round(self, this: Round) -> State:
        """Run one round."""
        loop = self._loop
        state = await this.body(loop.tasks, loop.errors, loop.finally_)
        outputs: Mapping[str, Any] = {}
        if loop.outputs and state not in _FAILED:
            rendered = {each.id: await this.render(each.value) for each in loop.outputs}
            outputs = resolve_outputs(loop.outputs, rendered)
            self.told[this.item["index"]] = {"item": _shown(this.item), "outputs": outputs}
        self.ended[state.value] += 1
        if loop.break_when is not None:
            iteration = {"state": state.value, "outputs": outputs}
            if truthy(await this.render(loop.break_when, iteration=iteration)):
                this.stop()
        return State.SUCCESS if state in _FAILED and not loop.transmit_failed else state


def _item(index: int, key: str | None, text: str, around: Any) -> Mapping[str, Any]:
    item: dict[str, Any] = {"value": text, "index": index}
    if key is not None:
        item["key"] = key
    if around:
        outer = {name: value for name, value in around.items() if name not in ("parent", "parents")}
        item["parent"] = outer
        item["parents"] = [outer, *around.get("parents", ())]
    return item


def _shown(item: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {"value": item["value"], "iteration": item["index"]}
    return {**shown, "key": item["key"]} if "key" in item else shown


async def _pairs(walker: Walker, declared: Any) -> str | list[tuple[str | None, str]]:
    """Return the keys and texts of the items, or the URI of the file they are in.

    Raises:
        Invalid: when it is none of these.
    """
    values = await walker.render(declared)
    if isinstance(values, str):
        if values.strip().startswith("kestra:///"):
            return values.strip()
        values = _parsed(values)
    if isinstance(values, dict):
        return [(str(key), item_text(value)) for key, value in values.items()]
    return [(None, item_text(value)) for value in values]


def _parsed(text: str) -> dict[str, Any] | list[Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict | list):
        message = f"`values` must give a JSON list or map, or a URI, and gave {text[:200]!r}"
        raise Invalid(message)
    return found


async def _lines(told: Sequence[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    for each in told:
        yield orjson.dumps(each) + b"\n"
