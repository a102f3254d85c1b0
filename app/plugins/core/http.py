"""`core.http.Request`: one call to an HTTP service (reference §2.6)."""

import codecs
import functools
import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.flows.http import HttpCall
from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.http_answer import (
    SHOWN_CHARS,
    Counted,
    accepts,
    first_outputs,
    refusal,
    too_long,
)
from app.plugins.core.http_call import build_call
from app.plugins.http import HttpFailure
from app.plugins.http.bodies import chained
from app.ports import HttpAnswer
from app.telemetry import METRICS

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)', re.IGNORECASE)


class Request(HttpCall, Runnable):
    """Call an HTTP service and keep its answer.

    Outputs: `uri`, `code`, `headers` (a map of lists; expressions find names in any case) and
    `body` (always text: use `fromJson(outputs.task.body)`). A large answer (10 MiB unless the
    server is set otherwise) goes to the internal storage: then there is no `body`, and `bodyUri`
    names the file. Metric: `response.length` (bytes). With `encryptBody` there is `encryptedBody`
    instead of `body`, which only expressions see in plain text.

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
            ctx.encrypt("")  # without a key the call is not made
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
        outputs = first_outputs(answer, uri)
        accepted = accepts(self, answer.status)
        try:
            length = await self._take_body(ctx, answer, outputs)
        except HttpFailure as failure:
            # A status that says no is a definite answer, whether its body came or not.
            definite = failure.definite or not accepted
            message = f"{uri}: {failure.reason}"
            raise TaskFailed(message, outputs=outputs, definite=definite) from failure
        ctx.metric("response.length", length, method=self.method, code=str(answer.status))
        if self.encrypt_body:
            outputs["encryptedBody"] = ctx.encrypt(outputs.pop("body"))
        if not accepted:
            raise refusal(self, outputs, outputs.get("body", "")[:SHOWN_CHARS])
        return outputs

    async def _take_body(self, ctx: RunContext, answer: HttpAnswer, outputs: dict[str, Any]) -> int:
        """Put `body` or `bodyUri` into the outputs; return the length in bytes."""
        options = self.options
        most = options.max_content_length if options else None
        inline = ctx.http.inline_bytes  # larger answers are streamed to the storage (contract D16)
        start = await answer.read((inline if most is None else min(most, inline)) + 1)
        if most is not None and len(start) > most:
            raise too_long(most, outputs)
        if len(start) <= inline:
            charset = (options.default_charset if options else None) or "utf-8"
            types = outputs["headers"].get("content-type")
            outputs["body"] = start.decode(_codec(types[0] if types else "", charset), "replace")
            return len(start)
        if self.encrypt_body:
            message = f"{outputs['uri']}: the answer is too long to be encrypted, {inline} bytes"
            raise TaskFailed(message, outputs=outputs)
        counted = Counted(chained([start], answer.stream()), most, outputs)
        outputs["bodyUri"] = await ctx.put_file("body", counted)
        return counted.length


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
