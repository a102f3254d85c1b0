"""`core.http.Download`: the answer to a call becomes a file (reference §2.6)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from email.message import EmailMessage
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

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
)
from app.plugins.core.http_call import build_call
from app.plugins.http import HttpFailure
from app.plugins.http.bodies import chained
from app.ports import HttpAnswer
from app.telemetry import METRICS

TOTAL_SECONDS = 24 * 3600.0
"""The longest download of a task without a `timeout`; `readIdleTimeout` ends one that hangs."""

_ODD = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 150


class Download(HttpCall, Runnable):
    """Call an HTTP service and keep its answer as a file.

    The file is named as the answer says (`Content-Disposition`), else as the address ends.
    Outputs: `uri` (of the file), `code`, `length` (bytes), `headers`. Metric: `response.length`.
    """

    type_name = "io.kestra.plugin.core.http.Download"
    aliases = ("io.kestra.plugin.fs.http.Download",)

    fail_on_empty_response: Dynamic[bool] = Field(
        default=True, description="Fail when the answer has no content."
    )
    save_as: Dynamic[str] | None = Field(None, description="The name of the file.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Make the call.

        Raises:
            TaskFailed: no complete answer came, or its status says that the call failed.
        """
        try:
            call = await build_call(self, ctx)
            call = replace(call, total_timeout=call.total_timeout or TOTAL_SECONDS)
            async with ctx.http.send(call) as answer:
                METRICS.http_calls.labels("answered").inc()
                return await self._outputs(ctx, answer, call.url)
        except HttpFailure as failure:
            METRICS.http_calls.labels("failed" if failure.definite else "unknown").inc()
            message = f"{self.uri.strip()}: {failure.reason}"
            raise TaskFailed(message, definite=failure.definite) from failure

    async def _outputs(self, ctx: RunContext, answer: HttpAnswer, url: str) -> dict[str, Any]:
        outputs = first_outputs(answer, url)
        if not accepts(self, answer.status):
            start = await answer.read(SHOWN_CHARS)
            raise refusal(self, outputs, start.decode("utf-8", "replace"))
        start = await answer.read(1)
        if not start and self.fail_on_empty_response:
            message = f"{url}: the answer has no content; set failOnEmptyResponse to accept it"
            raise TaskFailed(message, outputs={"code": answer.status})
        body = Counted(chained([start] if start else [], answer.stream()), self._most(), outputs)
        name = safe_file_name(self.save_as or name_of(outputs["headers"], url))
        outputs["uri"] = await ctx.put_file(name, body)
        outputs["length"] = body.length
        ctx.metric("response.length", body.length, method=self.method, code=str(answer.status))
        return outputs

    def _most(self) -> int | None:
        if self.method.upper() == "HEAD" or self.options is None:
            return None
        return self.options.max_content_length


def name_of(headers: Mapping[str, list[str]], url: str) -> str:
    """Return the name that an answer gives its file, else the last part of the address."""
    for value in headers.get("content-disposition", ()):
        message = EmailMessage()
        try:
            message["Content-Disposition"] = value.replace("\r", " ").replace("\n", " ")
            name = message.get_filename()
        except (ValueError, IndexError, LookupError, AttributeError):
            continue
        if name:
            return str(name)
    return unquote(urlsplit(url).path).rpartition("/")[2]


def safe_file_name(name: str) -> str:
    """Return a name without folders and odd characters; never empty."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = _ODD.sub("_", last).lstrip(".")
    if len(plain) > _LONGEST_NAME:
        extension = PurePosixPath(plain).suffix[-20:]
        plain = plain[: _LONGEST_NAME - len(extension)] + extension
    return plain or "download"
