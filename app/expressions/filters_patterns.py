"""Filters that search: replacing, regular expressions, splitting, escaping. Null stays null."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions import regexes
from app.expressions.arguments import (
    boolean_argument,
    map_input,
    text_argument,
    text_input,
    whole_argument,
)
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_filter
from app.expressions.values import LISTS, java_text, nest


@declare_filter("replace", "replace_pairs", "regexp")
def replace(evaluation: Evaluation, value: Any, replace_pairs: Any, regexp: Any = False) -> Any:
    """Every key of `replace_pairs` replaced by its value, one after the other.

    With `regexp=true` keys are regular expressions and values may use `$1`. Maps and lists are
    searched through: `{{ 'aa1bb2' | replace({'([0-9])': '-$1-'}, regexp=true) }}`.
    """
    if value is None:
        return None
    pairs = [
        (java_text(old, evaluation.meter), java_text(new, evaluation.meter))
        for old, new in map_input("replace", replace_pairs).items()
    ]
    expressions = boolean_argument("replace", "regexp", regexp)

    def change(text: str) -> str:
        for old, new in pairs:
            text = _replaced(evaluation, text, old, new, expressions=expressions)
        return text

    return _deeply(evaluation, value, change)


@declare_filter("regexMatch", "regex")
def regex_match(evaluation: Evaluation, value: Any, regex: Any) -> bool:
    """True when the regular expression is found in the text; null never matches."""
    if value is None:
        return False
    pattern = text_argument("regexMatch", "regex", regex)
    return regexes.find(pattern, java_text(value, evaluation.meter)) is not None


@declare_filter("regexReplace", "regex", "replacement")
def regex_replace(evaluation: Evaluation, value: Any, regex: Any, replacement: Any) -> str | None:
    """Every match of the regular expression replaced; `$1` is its first group."""
    if value is None:
        return None
    pattern = text_argument("regexReplace", "regex", regex)
    new = text_argument("regexReplace", "replacement", replacement)
    text = java_text(value, evaluation.meter)
    return regexes.replace(pattern, new, text, evaluation.meter)


@declare_filter("regexExtract", "regex", "group")
def regex_extract(evaluation: Evaluation, value: Any, regex: Any, group: Any = 0) -> str | None:
    """The first match of the regular expression, or a group of it; null without a match."""
    if value is None:
        return None
    pattern = text_argument("regexExtract", "regex", regex)
    number = 0 if group is None else whole_argument("regexExtract", "group", group)
    match = regexes.find(pattern, java_text(value, evaluation.meter))
    if match is None:
        return None
    if not 0 <= number <= len(match.groups()):
        message = f"the pattern has no group {number}"
        raise ExpressionError(message)
    found = match.group(number)
    return None if found is None else str(found)


@declare_filter("split", "delimiter", "limit")
def split(evaluation: Evaluation, value: Any, delimiter: Any, limit: Any = None) -> Any:
    """The parts between matches of `delimiter`, a regular expression, as Java splits.

    Empty parts at the end are dropped unless `limit` is negative; a positive `limit` is the most
    parts that are made.
    """
    if value is None:
        return None
    pattern = text_argument("split", "delimiter", delimiter)
    most = 0 if limit is None else whole_argument("split", "limit", limit)
    return regexes.split(pattern, text_input("split", value), most, evaluation.meter)


@declare_filter("escapeChar", "type")
def escape_char(evaluation: Evaluation, value: Any, type_: Any) -> Any:
    """Quotes escaped: `single` or `double` by a backslash, or for a `shell`; deep in maps."""
    escape = _ESCAPES.get(type_) if isinstance(type_, str) else None
    if escape is None:
        message = "the argument 'type' of 'escapeChar' must be single, double or shell"
        raise ExpressionError(message)
    return _deeply(evaluation, value, functools.partial(_escaped, evaluation, *escape), texts=True)


@declare_filter("sh")
def shell(evaluation: Evaluation, value: Any) -> str | None:
    """Single quotes escaped for a shell, where the text stands between single quotes."""
    if value is None:
        return None
    return _escaped(evaluation, "'", "'\\''", java_text(value, evaluation.meter))


def _replaced(evaluation: Evaluation, text: str, old: str, new: str, *, expressions: bool) -> str:
    if expressions:
        return regexes.replace(old, new, text, evaluation.meter)
    count = text.count(old)
    evaluation.meter.grow(len(text) + count * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _deeply(
    evaluation: Evaluation,
    value: Any,
    change: Callable[[str], str],
    depth: int = 0,
    *,
    texts: bool = False,
) -> Any:
    """Change a text, or the texts in maps and lists; `texts`: leave other scalars alone."""
    if isinstance(value, Mapping):
        nest(depth)
        return {
            key: _deeply(evaluation, item, change, depth + 1, texts=texts)
            for key, item in value.items()
        }
    if isinstance(value, LISTS):
        nest(depth)
        return [_deeply(evaluation, item, change, depth + 1, texts=texts) for item in value]
    evaluation.meter.step()
    if value is None or (texts and not isinstance(value, str)):
        return value
    return change(java_text(value, evaluation.meter))


_ESCAPES: Final = {
    "single": ("'", "\\'"),
    "double": ('"', '\\"'),
    "shell": ("'", "'\\''"),
}


def _escaped(evaluation: Evaluation, old: str, new: str, text: str) -> str:
    return _replaced(evaluation, text, old, new, expressions=False)
