"""`core.http.SseRequest`: a stream of Server-Sent Events, read to its end (reference §2.6)."""

import codecs
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import Field

from app.flows.http import HttpCall
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.http_answer import SHOWN_CHARS, accepts, first_outputs, refusal
from app.plugins.core.http_call import READ_SECONDS, build_call
from app.plugins.core.http_download import TOTAL_SECONDS
from app.plugins.core.json_path import steps_of, values_at
from app.plugins.http import HttpFailure
from app.ports import HttpAnswer
from app.telemetry import METRICS

INLINE_EVENTS = 1000
INLINE_BYTES = 256 * 1024
"""Up to so many events, and bytes of their data, are outputs; the file holds all of them."""

_LONGEST_EVENT = 16 * 1024 * 1024
_LONGEST_RESULT = 16 * 1024 * 1024
_SILENCE = 300.0
"""Seconds without an event, unless the task says otherwise."""
_TEXT = "text/event-stream"


class SseRequest(HttpCall, Runnable):
    """Call an HTTP service and collect the events that it sends, until it closes the stream.

    Outputs: `uri` (a file with one event a line), `size` (how many), `events` (a list of maps with
    `id`, `event` and `data`; left out when they are many), `result` (what `concatJsonPath` finds in
    the events, joined to one text), `code`, `headers`. Metric: `events`.
    """

    type_name = "io.kestra.plugin.core.http.SseRequest"

    concat_json_path: Dynamic[str] | None = Field(
        None, description="A JSON path into the data of each event, such as `$.choices[0].text`."
    )
    failed_on_missing: Dynamic[bool] = Field(
        default=False, description="Fail when an event has nothing at `concatJsonPath`."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Make the call and read on until the stream ends.

        Raises:
            TaskFailed: the stream broke off, or the status says that the call failed.
        """
        collected = _Collected(self)
        try:
            call = await build_call(self, ctx)
            headers = [*call.headers]
            if not any(name.lower() == "accept" for name, _ in headers):
                headers.append(("Accept", _TEXT))
            total = call.total_timeout or TOTAL_SECONDS
            silence = _SILENCE if call.read_timeout == READ_SECONDS else call.read_timeout
            call = replace(call, headers=headers, total_timeout=total, read_timeout=silence)
            async with ctx.http.send(call) as answer:
                METRICS.http_calls.labels("answered").inc()
                return await self._outputs(ctx, answer, call.url, collected)
        except HttpFailure as failure:
            METRICS.http_calls.labels("failed" if failure.definite else "unknown").inc()
            message = f"{self.uri.strip()}: {failure.reason}"
            raise TaskFailed(message, definite=failure.definite) from failure

    async def _outputs(
        self, ctx: RunContext, answer: HttpAnswer, url: str, collected: "_Collected"
    ) -> dict[str, Any]:
        outputs = first_outputs(answer, url)
        if not accepts(self, answer.status):
            start = await answer.read(SHOWN_CHARS)
            raise refusal(self, outputs, start.decode("utf-8", "replace"))
        outputs["uri"] = await ctx.put_file("events.jsonl", collected.lines(answer.stream()))
        ctx.metric("events", collected.size)
        return {**outputs, **collected.outputs()}


class _Collected:
    """Takes events in as they pass by."""

    def __init__(self, task: SseRequest) -> None:
        self.size = 0
        self._events: list[dict[str, Any]] | None = []
        self._bytes = 0
        self._texts: list[str] = []
        self._length = 0
        self._must = task.failed_on_missing
        try:
            self._steps = None if not task.concat_json_path else steps_of(task.concat_json_path)
        except ValueError as error:
            raise TaskFailed(str(error)) from None

    async def lines(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield each event as a line of JSON."""
        async for event in events(source):
            self.size += 1
            self._extract(event["data"])
            line = orjson.dumps(event, default=str)
            self._bytes += len(line)
            if self._events is not None:
                self._events.append(event)
                if self.size > INLINE_EVENTS or self._bytes > INLINE_BYTES:
                    self._events = None
            yield line + b"\n"

    def _extract(self, data: str) -> None:
        if self._steps is None:
            return
        try:
            found = list(values_at(orjson.loads(data), self._steps))
        except ValueError:
            found = []  # such as the `[DONE]` that ends many streams
            if data.strip() == "[DONE]":
                return
        if not found and self._must:
            message = f"event {self.size} has nothing at concatJsonPath: {data[:SHOWN_CHARS]}"
            raise TaskFailed(message)
        for value in found:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            self._length += len(text)
            if self._length > _LONGEST_RESULT:
                message = f"the result has more than {_LONGEST_RESULT} characters"
                raise TaskFailed(message)
            self._texts.append("" if value is None else text)

    def outputs(self) -> dict[str, Any]:
        """Return what is known at the end."""
        outputs: dict[str, Any] = {"size": self.size}
        if self._events is not None:
            outputs["events"] = self._events
        if self._steps is not None:
            outputs["result"] = "".join(self._texts)
        return outputs


async def events(source: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of a stream (HTML standard, §9.2.6): maps with `id`, `event`, `data`."""
    fields: dict[str, str] = {}
    data: list[str] = []
    size = 0
    async for line in _lines(source):
        if not line:
            if data:
                yield {**fields, "data": "\n".join(data)}
            fields = {"id": fields["id"]} if "id" in fields else {}  # the last id stays
            data, size = [], 0
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        size += len(line)
        if size > _LONGEST_EVENT:
            message = f"an event has more than {_LONGEST_EVENT} characters"
            raise TaskFailed(message)
        if name == "data":
            data.append(value)
        elif name in ("id", "event"):
            fields[name] = value
    if data:
        yield {**fields, "data": "\n".join(data)}  # the server ended without an empty line


async def _lines(source: AsyncIterator[bytes]) -> AsyncIterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    rest = ""
    async for chunk in source:
        text = rest + decode(chunk)
        held = "\r" if text.endswith("\r") else ""
        *whole, rest = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rest += held
        if len(rest) > _LONGEST_EVENT:
            message = f"a line of the stream has more than {_LONGEST_EVENT} characters"
            raise TaskFailed(message)
        for line in whole:
            yield line
    for line in (rest + decode(b"", final=True)).replace("\r", "\n").split("\n"):
        yield line
