"""`core.http.Request`: one call to an HTTP service (reference §2.6)."""

import codecs
import functools
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import Field

from app.flows.http import HttpCall
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.http_call import build_call
from app.plugins.http import HttpFailure
from app.plugins.http.bodies import chained
from app.ports import HttpAnswer
from app.telemetry import METRICS

SHOWN_CHARS = 500
"""How much of the body the message of a failed call shows."""

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)', re.IGNORECASE)


class Request(HttpCall, Runnable):
    """Call an HTTP service and keep its answer.

    Outputs: `uri`, `code`, `headers` (a map of lists; names in lower case) and `body` (always text:
    use `fromJson(outputs.task.body)`). A large answer (10 MiB unless the server is set otherwise)
    goes to the internal storage: then there is no `body`, and `bodyUri` names the file. Metric:
    `response.length` (bytes).

    The service gets an `Idempotency-Key`: the same for repeated deliveries of one attempt, another
    one for each attempt. Whether it did the work stays unknown after a time-out or a broken
    connection; then the same attempt is delivered again.
    """

    type_name = "io.kestra.plugin.core.http.Request"
    aliases = ("io.kestra.plugin.fs.http.Request",)

    encrypt_body: Dynamic[bool] = Field(
        default=False, description="Keep the body encrypted, as the output encryptedBody."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Make the call.

        Raises:
            TaskFailed: no complete answer came, or its status says that the call failed.
        """
        if self.encrypt_body:
            raise TaskFailed("encryptBody needs an encryption key; this server has none")
        try:
            call = await build_call(self, ctx)
            async with ctx.http.send(call) as answer:
                METRICS.http_calls.labels("answered").inc()
                return await self._outputs(ctx, answer, call.url)
        except HttpFailure as failure:
            METRICS.http_calls.labels("failed" if failure.definite else "unknown").inc()
            message = f"{self.uri.strip()}: {failure.reason}"
            raise TaskFailed(message, definite=failure.definite) from failure

    async def _outputs(self, ctx: RunContext, answer: HttpAnswer, uri: str) -> dict[str, Any]:
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name, []).append(value)
        outputs: dict[str, Any] = {"uri": uri, "code": answer.status, "headers": headers}
        accepted = self._accepts(answer.status)
        try:
            length = await self._take_body(ctx, answer, outputs)
        except HttpFailure as failure:
            # A status that says no is a definite answer, whether its body came or not.
            definite = failure.definite or not accepted
            message = f"{uri}: {failure.reason}"
            raise TaskFailed(message, outputs=outputs, definite=definite) from failure
        ctx.metric("response.length", length, method=self.method, code=str(answer.status))
        if not accepted:
            shown = outputs.get("body", "")[:SHOWN_CHARS]
            message = f"{self.method} {uri} answered {answer.status}"
            raise TaskFailed(f"{message}: {shown}" if shown else message, outputs=outputs)
        return outputs

    def _accepts(self, status: int) -> bool:
        options = self.options
        if self.allow_failed or (options and options.allow_failed):
            return True
        if options and options.allowed_response_codes is not None:
            return status < 400 or status in options.allowed_response_codes
        return status < 400

    async def _take_body(self, ctx: RunContext, answer: HttpAnswer, outputs: dict[str, Any]) -> int:
        """Put `body` or `bodyUri` into the outputs; return the length in bytes."""
        options = self.options
        most = options.max_content_length if options else None
        inline = ctx.http.inline_bytes  # larger answers are streamed to the storage (contract D16)
        start = await answer.read((inline if most is None else min(most, inline)) + 1)
        if most is not None and len(start) > most:
            raise _too_long(most, outputs)
        if len(start) <= inline:
            charset = (options.default_charset if options else None) or "utf-8"
            types = outputs["headers"].get("content-type")
            outputs["body"] = start.decode(_codec(types[0] if types else "", charset), "replace")
            return len(start)
        counted = _Counted(chained([start], answer.stream()), most, outputs)
        outputs["bodyUri"] = await ctx.put_file("body", counted)
        return counted.length


class _Counted:
    """Bytes on their way to a file, counted; more than `most` are refused."""

    def __init__(
        self, chunks: AsyncIterator[bytes], most: int | None, outputs: Mapping[str, Any]
    ) -> None:
        self.length = 0
        self._chunks = chunks
        self._most = most
        self._outputs = outputs

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self.length += len(chunk)
        if self._most is not None and self.length > self._most:
            raise _too_long(self._most, self._outputs)
        return chunk


def _too_long(most: int, outputs: Mapping[str, Any]) -> TaskFailed:
    message = f"{outputs['uri']}: the answer is longer than maxContentLength, {most} bytes"
    return TaskFailed(message, outputs=outputs)


@functools.lru_cache(256)
def _codec(content_type: str, default: str) -> str:
    """Return the codec for a body: the charset of its content type, else the default."""
    found = _CHARSET.search(content_type)
    for name in (found[1] if found else default, default):
        try:
            return codecs.lookup(name).name
        except (LookupError, ValueError):
            continue
    return "utf-8"
