"""What `http()` of expressions answers: the body of one call, through the client of all tasks."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import ValidationError

from app.errors import BadRequest
from app.flows.http import HttpCall
from app.plugins.api import TaskFailed
from app.plugins.core.http_call import JSON, build_call
from app.plugins.http.bodies import MULTIPART, URL_ENCODED, essence
from app.ports import HttpAnswer, HttpClient

SECONDS = 10.0
"""The longest time that a call may take in all."""
MAX_ANSWER = 10 * 1024 * 1024
"""The longest body (bytes) that an expression gets."""

_SHOWN_CHARS = 500


async def call_http(client: HttpClient, request: Mapping[str, Any], tenant: str = "") -> Any:
    """Return the body of the answer to a tenant's call: the value of JSON, otherwise text.

    Raises:
        BadRequest: for arguments that make no call, an answer that is too long, or a status above
            399 unless the options allow it.
        HttpFailure: when no answer comes.
    """
    properties = _properties(request)
    try:
        caller: Any = _Plain(tenant)  # all that is used of a context
        call = await build_call(properties, caller)
    except TaskFailed as error:
        raise BadRequest(error.message) from None
    async with client.send(replace(call, total_timeout=SECONDS)) as answer:
        body = await answer.read(MAX_ANSWER + 1)
        if len(body) > MAX_ANSWER:
            message = f"{call.url} answered more than {MAX_ANSWER} bytes"
            raise BadRequest(message)
        if answer.status >= 400 and not _accepts(properties, answer.status):
            shown = body[:_SHOWN_CHARS].decode("utf-8", "replace")
            message = f"{call.method} {call.url} answered {answer.status}: {shown}"
            raise BadRequest(message)
        return _value(body, _content_type(answer))


class _Plain:
    """A call of an expression has no identity headers, and sends no files."""

    headers: Mapping[str, str] = {}

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        message = f"http() cannot send the file {uri}; use the task http.Request"
        raise TaskFailed(message)


def _properties(request: Mapping[str, Any]) -> HttpCall:
    named = {
        "uri": request["uri"],
        "method": request["method"],
        "params": request["query"],
        "contentType": request["contentType"],
        "headers": _headers(request),
        "options": request["options"],
    }
    body = request["body"]
    kind = essence(request["contentType"] or JSON)
    if isinstance(body, Mapping) and kind in (MULTIPART, URL_ENCODED):
        named["formData"] = body
    elif body is not None:
        named["body"] = body if isinstance(body, str) else orjson.dumps(body, default=str).decode()
    try:
        return HttpCall.model_validate(
            {name: value for name, value in named.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        message = f"http() cannot use its argument `{place}`: {first['msg']}"
        raise BadRequest(message) from None


def _headers(request: Mapping[str, Any]) -> Any:
    headers, accept = request["headers"], request["accept"]
    if accept is None:
        return headers
    return {"Accept": accept, **(headers if isinstance(headers, Mapping) else {})}


def _accepts(properties: HttpCall, status: int) -> bool:
    options = properties.options
    if options is None:
        return False
    return bool(options.allow_failed) or status in (options.allowed_response_codes or ())


def _content_type(answer: HttpAnswer) -> str:
    for name, value in answer.headers:
        if name.lower() == "content-type":
            return essence(value)
    return ""


def _value(body: bytes, content_type: str) -> Any:
    if content_type == JSON or content_type.endswith("+json"):
        try:
            return orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            pass  # some services say so and send something else: it is text
    return body.decode("utf-8", "replace")
