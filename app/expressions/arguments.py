"""Checks of arguments and inputs, with one wording."""

from collections.abc import Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.java_numbers import is_number
from app.expressions.values import LISTS, kind


def text_input(name: str, value: Any) -> str:
    """Return the input of a filter that works on text.

    Raises:
        ExpressionError: when it is something else.
    """
    if isinstance(value, str):
        return value
    message = f"'{name}' works on a text, not on {kind(value)}"
    raise ExpressionError(message)


def list_input(name: str, value: Any) -> list[Any]:
    """Return the input of a filter that works on a list, as a list of its own.

    Raises:
        ExpressionError: when it is something else.
    """
    if isinstance(value, LISTS):
        return list(value)
    message = f"'{name}' works on a list, not on {kind(value)}"
    raise ExpressionError(message)


def map_input(name: str, value: Any) -> Mapping[Any, Any]:
    """Return the input of a filter that works on a map.

    Raises:
        ExpressionError: when it is something else.
    """
    if isinstance(value, Mapping):
        return value
    message = f"'{name}' works on a map, not on {kind(value)}"
    raise ExpressionError(message)


def text_argument(name: str, argument: str, value: Any) -> str:
    """Return an argument that must be a text.

    Raises:
        ExpressionError: when it is something else.
    """
    if isinstance(value, str):
        return value
    message = f"the argument '{argument}' of '{name}' must be a text, not {kind(value)}"
    raise ExpressionError(message)


def optional_text(name: str, argument: str, value: Any) -> str | None:
    """Return an argument that must be a text or null.

    Raises:
        ExpressionError: when it is something else.
    """
    return None if value is None else text_argument(name, argument, value)


def whole_argument(name: str, argument: str, value: Any) -> int:
    """Return an argument that must be a number, without its fraction.

    Raises:
        ExpressionError: when it is something else.
    """
    if is_number(value):
        return int(value)
    message = f"the argument '{argument}' of '{name}' must be a number, not {kind(value)}"
    raise ExpressionError(message)


def boolean_argument(name: str, argument: str, value: Any) -> bool:
    """Return an argument that must be a boolean; null is false.

    Raises:
        ExpressionError: when it is something else.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    message = f"the argument '{argument}' of '{name}' must be a boolean, not {kind(value)}"
    raise ExpressionError(message)
