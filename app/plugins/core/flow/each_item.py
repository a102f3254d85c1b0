"""`core.flow.ForEachItem`: a flow for each batch of the lines of a file (reference §2.1.7)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import orjson
from pydantic import Field

from app.errors import NotFound
from app.executions import State
from app.executions.states import worst
from app.flows.model import Model
from app.flows.values import Dynamic, Text
from app.plugins.api import Flowable, RunContext, Runnable, TaskFailed, Walker
from app.plugins.core.flow.properties import Positive
from app.plugins.core.flow.subflow import SubflowTask
from app.plugins.core.splitting import Batching, byte_size, split, text_lines

_TYPE = "io.kestra.plugin.core.flow.ForEachItem"
_AT_ONCE = 50
"""Executions that are being started at the same time."""
_CHUNK = 1000
"""Executions that are started before it is journalled."""
_STOPS = frozenset({State.FAILED, State.KILLED})


class Batch(Model):
    """How large a batch is: `bytes`, else `partitions`, else `rows`."""

    rows: Dynamic[Positive] | None = Field(1, description="Lines of a batch.")
    partitions: Dynamic[Positive] | None = Field(
        None, description="How many batches there are; lines are dealt out in turn."
    )
    bytes: Dynamic[Text] | None = Field(
        None, description="Size of a batch, such as 10MB; lines are never cut."
    )
    separator: Dynamic[Text] = Field("\n", description="What each line of a batch ends with.")

    def batching(self) -> Batching:
        """Return it as the splitter takes it."""
        size = None if self.bytes is None else byte_size(self.bytes)
        return Batching(self.rows, self.partitions, size, self.separator)


class SplitItems(Runnable):
    """Split the items of a `ForEachItem` into batches."""

    type_name = f"{_TYPE}$ForEachItemSplit"
    effects: ClassVar[bool] = False

    items: Dynamic[Text] = Field(description="The URI of the file.")
    batch: Batch = Field(default_factory=Batch, description="The size of a batch.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the batches and the list of their URIs."""
        uri = self.items.strip()
        if not uri.startswith("kestra:///"):
            message = f"`items` must be the URI of a file (kestra:///…), and is {uri[:200]!r}"
            raise TaskFailed(message)
        name = uri.rpartition("/")[2]
        extension = f".{name.rpartition('.')[2]}" if "." in name else ".tmp"
        uris = await split(ctx, ctx.get_file(uri), self.batch.batching(), extension)
        return {"splits": await ctx.put_file("splits.txt", _lines(uris))}


class EachItems(SubflowTask):
    """Start a flow for each batch of a `ForEachItem`, all at once, and wait for them."""

    type_name = f"{_TYPE}$ForEachItemExecutable"
    attempts: ClassVar[bool] = True

    splits: Text = Field(description="The URI of the list of batches.")

    async def walk(self, walker: Walker) -> State:
        """Start the executions, then take in their ends one after another."""
        ctx = walker.context
        uris = [uri async for uri in text_lines(ctx.get_file(self.splits))]
        if not uris:
            return State.SUCCESS
        tally = _Tally(walker, len(uris), restart=self.restart_behavior == "RETRY_FAILED")
        while tally.started < len(uris):
            numbers = range(tally.started, min(tally.started + _CHUNK, len(uris)))
            await self._start(walker, uris, numbers)
            tally.started = numbers.stop
            tally.note()
        if not self.wait:
            return State.SUCCESS
        for number in range(tally.ended.total(), len(uris)):
            await tally.wait_for(number)
        tally.note()
        return worst([self.transmitted(State(state)) for state in tally.ended])

    async def _start(self, walker: Walker, uris: Sequence[str], numbers: range) -> None:
        for start in range(numbers.start, numbers.stop, _AT_ONCE):
            try:
                async with asyncio.TaskGroup() as group:
                    for number in range(start, min(start + _AT_ONCE, numbers.stop)):
                        group.create_task(self._started(walker, number, uris[number]))
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None

    async def _started(self, walker: Walker, number: int, uri: str) -> None:
        taskrun = {**walker.context.variables["taskrun"], "items": uri, "iteration": number + 1}
        await walker.start(await self.made_call(walker, _part(number), taskrun))


class _Tally:
    """How far an `EachItems` has come; journalled whenever it waits, so that a walk after a long
    wait takes up there and reads the end of each execution once.
    """

    def __init__(self, walker: Walker, total: int, *, restart: bool) -> None:
        note = walker.noted or {}
        self._walker = walker
        self._total = total
        self._restart = restart
        self.started: int = note.get("started", 0)
        self.ended: Counter[str] = Counter(note.get("ended", {}))
        self._base: str | None = note.get("base")

    def note(self) -> None:
        """Journal it, and make outputs of it."""
        running = self.started - self.ended.total()
        outputs: dict[str, Any] = {
            "numberOfBatches": self._total,
            "iterations": {"CREATED": self._total - self.started, "RUNNING": running, **self.ended},
        }
        if self._base is not None:
            outputs["subflowOutputsBaseUri"] = self._base
        note = {"started": self.started, "ended": dict(self.ended), "base": self._base}
        self._walker.note(note, outputs)

    async def wait_for(self, number: int) -> None:
        """Take in the end of an execution."""
        child = self._walker.child(_part(number), restart=self._restart)
        result = await self._walker.ended(child, wait=False)
        if result is None:
            self.note()
            result = await self._walker.ended(child)
        if result is None:
            return
        self.ended[result.state.value] += 1
        if result.outputs:
            record = orjson.dumps(result.outputs) + b"\n"
            uri = await self._walker.context.put_file(_outputs_name(number), _once(record))
            self._base = uri.rpartition("/")[0]


class MergeOutputs(Flowable):
    """Make one file of the outputs of all executions of a `ForEachItem`, one line for each."""

    type_name = f"{_TYPE}$ForEachItemMergeOutputs"
    attempts: ClassVar[bool] = True

    base: Text | None = Field(None, description="The URI below which the outputs are.")
    batches: int = Field(0, description="How many executions there were.")

    async def walk(self, walker: Walker) -> State:
        """Write the file, if there are outputs."""
        if self.base is not None:
            merged = self._lines(walker.context, self.base)
            uri = await walker.context.put_file("outputs.ion", merged)
            walker.output({"subflowOutputs": uri})
        return State.SUCCESS

    async def _lines(self, ctx: RunContext, base: str) -> AsyncIterator[bytes]:
        for number in range(self.batches):
            try:
                async for chunk in ctx.get_file(f"{base}/{_outputs_name(number)}"):
                    yield chunk
            except NotFound:
                continue  # this execution had none


class ForEachItem(SubflowTask):
    """Start a flow for each batch of the lines of a file.

    It shows as three task runs below this one: `<id>_split` makes the batches, `<id>_items` starts
    the executions and waits for them, `<id>_merge` makes one file of their outputs. In `inputs`,
    `taskrun.items` is the URI of the batch and `taskrun.iteration` its number, from 1.
    """

    type_name = _TYPE
    aliases = ("io.kestra.core.tasks.flows.ForEachItem",)

    items: Text = Field(description="The URI of the file, usually an expression.")
    batch: Batch = Field(default_factory=Batch, description="How large a batch is.")

    async def walk(self, walker: Walker) -> State:
        """Split, start the executions, merge their outputs."""
        split_state = await walker.sequence([self._split])
        if split_state in _STOPS:
            return split_state
        splits = str(walker.outputs_of(self._split.id)["splits"])
        items = EachItems.model_construct(
            id=f"{self.id}_items", type=EachItems.type_name, splits=splits, **self._call
        )
        state = await walker.sequence([items])
        if state in _STOPS:
            return state
        ended = walker.outputs_of(items.id)
        merge = MergeOutputs.model_construct(
            id=f"{self.id}_merge",
            type=MergeOutputs.type_name,
            base=ended.get("subflowOutputsBaseUri"),
            batches=ended.get("numberOfBatches", 0),
        )
        return worst([state, await walker.sequence([merge])])

    @property
    def _call(self) -> dict[str, Any]:
        own = set(SubflowTask.model_fields) - set(Flowable.model_fields)
        return {name: getattr(self, name) for name in own}

    @cached_property
    def _split(self) -> SplitItems:
        return SplitItems.model_construct(
            id=f"{self.id}_split",
            type=SplitItems.type_name,
            items=self.items,
            batch=self.batch,
        )


def _part(number: int) -> str:
    return f"[{number}]"


def _outputs_name(number: int) -> str:
    return f"subflow-{number + 1:06d}.ion"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _lines(lines: Sequence[str]) -> AsyncIterator[bytes]:
    for start in range(0, len(lines), 1000):
        yield "".join(f"{line}\n" for line in lines[start : start + 1000]).encode()
