"""Attribute access: keys of maps, items of lists, and a short list of named methods.

No Python attribute is ever looked up: what is not a key, an index or a method named in `methods`
does not exist (reference §5.4).
"""

from collections.abc import Mapping
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.java_numbers import is_number
from app.expressions.methods import method_of
from app.expressions.values import kind, scalar_text

_MAX_INDEX_DIGITS = 18


class _Absent:
    """What an attribute that is not there yields; never leaves the package."""

    __slots__ = ()


ABSENT: Final = _Absent()


def attribute(value: Any, key: Any, meter: Meter) -> Any:
    """Return `value.key` or `value[key]`, or `ABSENT`.

    Raises:
        ExpressionError: for a number as key of a map with text keys.
    """
    if isinstance(value, Mapping):
        return _entry(value, key)
    if isinstance(value, (list, tuple)):
        index = _index(key)
        if index is not None:
            return value[index] if 0 <= index < len(value) else ABSENT
    if isinstance(key, str):
        method = method_of(value, key, 0)
        if method is not None:
            return method(meter, value)
    return ABSENT


def header(value: Any, key: Any, meter: Meter) -> Any:
    """Return `value.key` as `attribute` does, else under this key in letters of any case.

    Names of HTTP headers have no case: clients and servers may tell them in lower case.
    """
    found = attribute(value, key, meter)
    if found is not ABSENT or not isinstance(value, Mapping) or not isinstance(key, str):
        return found
    wanted = key.lower()
    same = (one for name, one in value.items() if isinstance(name, str) and name.lower() == wanted)
    return next(same, ABSENT)


def call_method(value: Any, name: str, arguments: list[Any], meter: Meter) -> Any:
    """Return `value.name(arguments)`, or `ABSENT` when null is called.

    Raises:
        ExpressionError: when the kind of value has no such method with that many arguments.
    """
    if value is None:
        return ABSENT
    method = method_of(value, name, len(arguments))
    if method is None:
        message = f"{kind(value)} has no method `{name}` with {len(arguments)} argument(s)"
        raise ExpressionError(message)
    return method(meter, value, *arguments)


def _entry(value: Mapping[Any, Any], key: Any) -> Any:
    if isinstance(key, str):
        return value.get(key, ABSENT)
    if key is None or isinstance(key, bool):
        return ABSENT
    if is_number(key):
        if key in value:
            return value[key]
        if any(isinstance(name, str) for name in value):
            message = f"the keys of the map are texts; write ['{scalar_text(key)}'] instead"
            raise ExpressionError(message)
    return ABSENT


def _index(key: Any) -> int | None:
    if isinstance(key, bool):
        return None
    if isinstance(key, int):
        return key
    if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= _MAX_INDEX_DIGITS:
        return int(key)
    return None
