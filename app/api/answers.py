"""Answers in JSON, encoded by orjson: what a handler returns is what is sent."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_JSON = "application/json"


def encoded(value: Any) -> bytes:
    """Return a value as JSON; moments in UTC with a `Z`."""
    try:
        return orjson.dumps(value, default=str, option=_OPTIONS)
    except orjson.JSONEncodeError:
        # An integer of more than 64 bits, or half of a surrogate pair: rare, and no fault.
        return json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


class Json(Response):
    """An answer whose body is JSON."""

    media_type = _JSON
    charset = "utf-8"

    def __init__(
        self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with `value`."""
        super().__init__(encoded(value), status, headers)


def page(results: Sequence[Any], total: int) -> Json:
    """Answer with one page of a list, as Kestra's `PagedResults`."""
    return Json({"results": results, "total": total})


def nothing(status: int = 204) -> Response:
    """Answer without a body."""
    return Response(status_code=status)


def entity_tag(blob: str) -> str:
    """Return the ETag of what a blob says: its object id."""
    return f'"{blob}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether a header `If-Match` or `If-None-Match` names this ETag (RFC 9110, 13.1)."""
    if header is None:
        return False
    wanted = [each.strip().removeprefix("W/") for each in header.split(",")]
    return tag in wanted or "*" in wanted
