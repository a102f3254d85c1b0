"""Errors as clients read them: RFC 9457 problem documents that also carry Kestra's `message`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.access import DENIED, Hidden
from app.api.answers import encoded
from app.api.misfits import misfit
from app.api.proposals import proposed
from app.errors import HeadwaterError, Unauthorized
from app.sync.changesets.model import Proposed
from app.telemetry import get_logger

_LOG = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

_TITLES = {422: "Invalid entity"}
"""Kestra's word for it, which its clients look for; other statuses have their HTTP phrase."""

_CODES = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
_KEPT = frozenset({"problems", "errors", "retry_after"})
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


def problem(error: HeadwaterError, scope: Scope) -> Response:
    """Return the answer to an error."""
    if isinstance(error, Proposed):
        return proposed(error)
    if isinstance(error, Hidden):
        scope[DENIED] = True
    return _answer(
        error.status,
        error.code,
        error.message,
        scope,
        errors=_errors(error.details),
        more={key: value for key, value in error.details.items() if key not in _KEPT},
        headers=_headers(error),
    )


def _answer(
    status: int,
    code: str,
    detail: str,
    scope: Scope,
    *,
    errors: list[dict[str, Any]] | None = None,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    detail = detail.removeprefix(f"{title}: ")
    body = {
        **(more or {}),
        "type": f"urn:headwater:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": scope.get("path", ""),
        "code": code,
        "message": f"{title}: {detail}",
        "errors": errors or [],
        "request_id": scope.get("request_id", ""),
    }
    return Response(encoded(body), status, dict(headers or {}), MEDIA_TYPE)


def _headers(error: HeadwaterError) -> dict[str, str]:
    retry_after = error.details.get("retry_after", 5 if error.status == 503 else None)
    found = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if error.status == Unauthorized.status:
        found["WWW-Authenticate"] = 'Bearer realm="headwater"'
    return found


def _errors(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = details.get("problems") or details.get("errors") or ()
    return [described(each) for each in found] if isinstance(found, Iterable) else []


def described(each: Any) -> dict[str, Any]:
    """Return a problem of a document as JSON: its place, its code, what it says, the way out."""
    if is_dataclass(each) and not isinstance(each, type):
        values: dict[str, Any] = asdict(each)
    elif isinstance(each, Mapping):
        values = dict(each)
    else:
        values = {"message": str(each)}
    if "path" in values:
        values.setdefault("pointer", pointer(values["path"]))
    return values


def pointer(path: str) -> str:
    """Return the JSON pointer (RFC 6901) of a path such as `tasks[0].uri`."""
    steps = [index or name for index, name in _STEP.findall(path)]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


async def on_error(request: Request, error: Exception) -> Response:
    """Answer any error: the one exception handler of the application."""
    return answer(error, request.scope)


def answer(error: BaseException, scope: Scope) -> Response:
    """Return the answer to an error, whoever raised it."""
    match error:
        case HeadwaterError():
            return problem(error, scope)
        case HTTPException(__cause__=HeadwaterError() as cause):
            return problem(cause, scope)  # FastAPI wraps what stops it from reading a body
        case HTTPException():
            return _refusal(error, scope)
        case RequestValidationError():
            return problem(misfit(error), scope)
        case BaseExceptionGroup(exceptions=[only]):
            return answer(only, scope)
        case _:
            return _unexpected(error, scope)


def _refusal(error: HTTPException, scope: Scope) -> Response:
    """Answer what the router refuses: unknown paths, wrong methods, bad bodies."""
    path = scope.get("path", "")
    code = _CODES.get(error.status_code, f"HTTP_{error.status_code}")
    details = {
        404: f"there is nothing at {path}",
        405: f"{scope.get('method')} is not possible at {path}",
    }
    detail = details.get(error.status_code, error.detail)
    return _answer(error.status_code, code, detail, scope, headers=error.headers)


def _unexpected(error: BaseException, scope: Scope) -> Response:
    """Answer what nobody expected: 500 with an id that the log knows, and nothing else."""
    request_id = scope.get("request_id", "")
    path = scope.get("path", "")
    _LOG.error("a request failed", request_id=request_id, path=path, exc_info=error)
    return _answer(500, "INTERNAL", f"something went wrong; the log has {request_id}", scope)
