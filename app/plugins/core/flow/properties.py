"""Properties of flowables that may be expressions, rendered when they are needed."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from app.errors import Invalid
from app.flows.durations import parse_duration
from app.flows.values import is_template
from app.plugins.api import Walker

Positive = Annotated[int, Field(gt=0)]
"""A number of at least 1."""

_TRUTHS = {"true": True, "false": False, "": False}


async def duration(walker: Walker, name: str, value: Any) -> timedelta:
    """Return a duration.

    Raises:
        Invalid: when the expression gives none.
    """
    if isinstance(value, timedelta):
        return value
    text = await walker.render(value)
    try:
        return parse_duration(text)
    except ValueError as error:
        message = f"`{name}` cannot be {text!r}: {error}"
        raise Invalid(message) from None


async def number(walker: Walker, name: str, value: Any) -> int:
    """Return an integer.

    Raises:
        Invalid: when the expression gives none.
    """
    if isinstance(value, int):
        return value
    text = str(await walker.render(value)).strip()
    if not text.isdecimal() or len(text) > 18:
        message = f"`{name}` must be a number, and is {text[:200]!r}"
        raise Invalid(message)
    return int(text)


async def boolean(walker: Walker, value: Any) -> bool:
    """Return a truth value; of an expression that gives no `true` it is false."""
    if not is_template(value):
        return bool(value)
    return _TRUTHS.get(str(await walker.render(value)).strip().lower(), False)
