"""Parameters and bodies that do not fit: which part of them, and what it must be."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails

from app.errors import BadRequest, HeadwaterError, Invalid, NotFound, UnsupportedMedia
from app.flows.messages import message_of

_NOT_JSON = "the body must be JSON, sent with the content type application/json"


def misfit(error: RequestValidationError) -> HeadwaterError:
    """Return what parameters that do not fit mean: 404 in the path, 400 in the query, else 422.

    A body that was not read, because it came as something else than JSON, is 415.
    """
    found = cast("Sequence[ErrorDetails]", error.errors())
    if any(each["loc"] == ("body",) and isinstance(each["input"], bytes) for each in found):
        return UnsupportedMedia(_NOT_JSON)
    errors = list({str(each): each for each in (_told(one, error.body) for one in found)}.values())
    places = {each["loc"][0] for each in found}
    message = "; ".join(each["message"] for each in errors)
    if "path" in places:
        return NotFound(message, errors=errors)
    if "body" in places:
        return Invalid(message, errors=errors)
    return BadRequest(message, errors=errors)


def _told(error: ErrorDetails, body: Any) -> dict[str, Any]:
    kind = error["type"]
    if kind == "json_invalid":
        steps, text = [], f"no JSON at character {error['loc'][-1]}: {error['ctx']['error']}"
    else:
        steps, text = list(_steps(error, body)), message_of(error)
    place = ".".join(str(step) for step in steps) or error["loc"][0]
    pointer = "".join(f"/{step}" for step in steps)
    return {"pointer": pointer, "code": kind.upper(), "message": f"{place}: {text}"}


def _steps(error: ErrorDetails, body: Any) -> Iterable[str | int]:
    """Return the way to what does not fit, without the names of types that were tried there."""
    where, *rest = error["loc"]
    if where != "body":
        yield from (step for at, step in enumerate(rest) if at == 0 or isinstance(step, int))
        return
    value = body
    for at, step in enumerate(rest):
        if error["type"] == "missing" and at == len(rest) - 1:
            yield step
        elif _holds(value, step):
            value = value[step]
            yield step


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, Mapping) and step in value
