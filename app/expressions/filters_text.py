"""Filters on text. Null stays null (and prints nothing) unless said otherwise."""

import re
import unicodedata
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.arguments import (
    text_argument,
    text_input,
    whole_argument,
)
from app.expressions.evaluation import Evaluation
from app.expressions.java_numbers import is_number, number_text
from app.expressions.registry import declare_filter
from app.expressions.values import java_text

_ELLIPSIS = "..."
_NUMERIC: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


@declare_filter("upper")
def upper(value: Any) -> str | None:
    """Upper case: `{{ 'abc' | upper }}` gives `ABC`."""
    return None if value is None else text_input("upper", value).upper()


@declare_filter("lower")
def lower(value: Any) -> str | None:
    """Lower case: `{{ 'ABC' | lower }}` gives `abc`."""
    return None if value is None else text_input("lower", value).lower()


@declare_filter("capitalize")
def capitalize(value: Any) -> str | None:
    """The first letter in upper case, the rest as it is: `hello World` gives `Hello World`."""
    if value is None:
        return None
    text = text_input("capitalize", value)
    return text[:1].upper() + text[1:]


@declare_filter("title")
def title(value: Any) -> str | None:
    """The first letter of every word in upper case, the rest as it is."""
    if value is None:
        return None
    return re.sub(r"(?<!\S)\S", lambda match: match.group().upper(), text_input("title", value))


@declare_filter("trim")
def trim(value: Any) -> str | None:
    """Without whitespace at both ends."""
    return None if value is None else text_input("trim", value).strip()


@declare_filter("abbreviate", "length")
def abbreviate(value: Any, length: Any) -> str | None:
    """At most `length` characters, the last three of them dots when something is cut."""
    if value is None:
        return None
    text = text_input("abbreviate", value)
    most = whole_argument("abbreviate", "length", length)
    if most < 0:
        message = "the argument 'length' of 'abbreviate' must not be negative"
        raise ExpressionError(message)
    # A text of exactly that length is cut too, as in Pebble.
    if len(text) < most or len(text) <= len(_ELLIPSIS):
        return text
    if most <= len(_ELLIPSIS):
        return text[:most]
    return text[: most - len(_ELLIPSIS)] + _ELLIPSIS


@declare_filter("string")
def string(value: Any) -> str | None:
    """A number as text; a text must be a number already."""
    if value is None:
        return None
    if is_number(value):
        return number_text(value)
    text = text_input("string", value)
    if _NUMERIC.fullmatch(text):
        return text
    message = f"'string' works on a number or a text of one, not on `{text[:40]}`"
    raise ExpressionError(message)


@declare_filter("startsWith", "value")
def starts_with(text: Any, value: Any) -> bool:
    """True when the text starts with `value`; null is an error."""
    return text_input("startsWith", text).startswith(text_argument("startsWith", "value", value))


@declare_filter("endsWith", "value")
def ends_with(text: Any, value: Any) -> bool:
    """True when the text ends with `value`; null is an error."""
    return text_input("endsWith", text).endswith(text_argument("endsWith", "value", value))


@declare_filter("substringBefore", "separator")
def substring_before(evaluation: Evaluation, value: Any, separator: Any) -> str | None:
    """What stands before the first `separator`; everything when it is absent."""
    return _cut(evaluation, value, separator, last=False, before=True)


@declare_filter("substringAfter", "separator")
def substring_after(evaluation: Evaluation, value: Any, separator: Any) -> str | None:
    """What stands after the first `separator`; nothing when it is absent."""
    return _cut(evaluation, value, separator, last=False, before=False)


@declare_filter("substringBeforeLast", "separator")
def substring_before_last(evaluation: Evaluation, value: Any, separator: Any) -> str | None:
    """What stands before the last `separator`; everything when it is absent."""
    return _cut(evaluation, value, separator, last=True, before=True)


@declare_filter("substringAfterLast", "separator")
def substring_after_last(evaluation: Evaluation, value: Any, separator: Any) -> str | None:
    """What stands after the last `separator`; nothing when it is absent."""
    return _cut(evaluation, value, separator, last=True, before=False)


@declare_filter("condense")
def condense(value: Any) -> str:
    """The text without line breaks; null is an error."""
    return text_input("condense", value).replace("\n", "")


@declare_filter("slugify")
def slugify(evaluation: Evaluation, value: Any) -> str | None:
    """A text for addresses: lower case letters, digits and single dashes (reference §3.13)."""
    if value is None:
        return None
    text = re.sub(r"\s", "-", java_text(value, evaluation.meter))
    text = unicodedata.normalize("NFD", text)
    text = re.sub(r"[^A-Za-z0-9_-]", "", text).replace("_", "-")
    text = re.sub(r"-{2,}", "-", text)
    return text.removeprefix("-").removesuffix("-").lower()


@declare_filter("indent", "amount", "prefix")
def indent(evaluation: Evaluation, value: Any, amount: Any, prefix: Any = " ") -> str | None:
    """Every line but the first moved to the right by `amount` times `prefix`."""
    if value is None:
        return None
    text = java_text(value, evaluation.meter)
    newline = _newline(text)
    return _indented(evaluation, text, newline, _margin("indent", amount, prefix, evaluation))


@declare_filter("nindent", "amount", "prefix")
def nindent(evaluation: Evaluation, value: Any, amount: Any, prefix: Any = " ") -> str | None:
    """A line break, then every line moved to the right by `amount` times `prefix`."""
    if value is None:
        return None
    text = java_text(value, evaluation.meter)
    margin = _margin("nindent", amount, prefix, evaluation)
    if not text:
        return ""
    newline = _newline(text)
    return _indented(evaluation, newline + text, newline, margin)


def _cut(
    evaluation: Evaluation, value: Any, separator: Any, *, last: bool, before: bool
) -> str | None:
    if value is None:
        return None
    text = java_text(value, evaluation.meter)
    mark = text_argument("substring…", "separator", separator)
    if not mark:
        message = "the argument 'separator' must not be empty"
        raise ExpressionError(message)
    if mark not in text:
        return text if before else ""
    parts = text.rpartition(mark) if last else text.partition(mark)
    return parts[0] if before else parts[2]


def _newline(text: str) -> str:
    for newline in ("\r\n", "\n", "\r"):
        if newline in text:
            return newline
    return "\n"


def _margin(name: str, amount: Any, prefix: Any, evaluation: Evaluation) -> str:
    count = whole_argument(name, "amount", amount)
    unit = text_argument(name, "prefix", prefix)
    if count < 0:
        message = f"the argument 'amount' of '{name}' must not be negative"
        raise ExpressionError(message)
    evaluation.meter.grow(count * len(unit))
    return unit * count


def _indented(evaluation: Evaluation, text: str, newline: str, margin: str) -> str:
    evaluation.meter.grow(len(text) + text.count(newline) * len(margin))
    return text.replace(newline, newline + margin)
