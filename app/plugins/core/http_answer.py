"""What the HTTP tasks make of an answer: headers, whether it is accepted, counted bodies."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

from app.flows.http import HttpCall as Properties
from app.plugins.api import TaskFailed
from app.ports import HttpAnswer

SHOWN_CHARS = 500
"""How much of the body the message of a failed call shows."""


def first_outputs(answer: HttpAnswer, uri: str) -> dict[str, Any]:
    """Return the outputs that are known before the body is: `uri`, `code`, `headers`."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    return {"uri": uri, "code": answer.status, "headers": headers}


def accepts(task: Properties, status: int) -> bool:
    """Whether a task goes on after an answer with this status."""
    options = task.options
    if task.allow_failed or (options and options.allow_failed):
        return True
    if options and options.allowed_response_codes is not None:
        return status < 400 or status in options.allowed_response_codes
    return status < 400


def refusal(task: Properties, outputs: Mapping[str, Any], shown: str) -> TaskFailed:
    """Return the failure for a status that is not accepted."""
    status = outputs["code"]
    message = f"{task.method} {outputs['uri']} answered {status} {_phrase(status)}".rstrip()
    return TaskFailed(f"{message}: {shown}" if shown else message, outputs=outputs)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class Counted:
    """Bytes on their way to a file, counted; more than `most` are refused."""

    def __init__(
        self, chunks: AsyncIterator[bytes], most: int | None, outputs: Mapping[str, Any]
    ) -> None:
        """Count `chunks`; `outputs` go along with the refusal."""
        self.length = 0
        self._chunks = chunks
        self._most = most
        self._outputs = outputs

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes."""
        chunk = await anext(self._chunks)
        self.length += len(chunk)
        if self._most is not None and self.length > self._most:
            raise too_long(self._most, self._outputs)
        return chunk


def too_long(most: int, outputs: Mapping[str, Any]) -> TaskFailed:
    """Return the failure for an answer that is longer than the task allows."""
    message = f"{outputs['uri']}: the answer is longer than maxContentLength, {most} bytes"
    return TaskFailed(message, outputs=outputs)
