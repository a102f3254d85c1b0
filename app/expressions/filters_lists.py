"""Filters on lists and maps. Null stays null unless said otherwise; inputs are never changed."""

import functools
from collections.abc import Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.arguments import list_input, map_input, optional_text, whole_argument
from app.expressions.evaluation import Evaluation
from app.expressions.java_numbers import is_number
from app.expressions.json_text import write_json
from app.expressions.operators import compare, joined
from app.expressions.registry import declare_filter
from app.expressions.values import LISTS, Entry, java_text, kind


@declare_filter("first")
def first(value: Any) -> Any:
    """The first item of a list or character of a text; null when there is none."""
    return _end("first", value, 0)


@declare_filter("last")
def last(value: Any) -> Any:
    """The last item of a list or character of a text; null when there is none."""
    return _end("last", value, -1)


@declare_filter("length")
def length(value: Any) -> int:
    """How many items, entries or characters; 0 for null and everything else."""
    if isinstance(value, (str, Mapping, *LISTS)):
        return len(value)
    return 0


@declare_filter("join", "separator")
def join(evaluation: Evaluation, value: Any, separator: Any = None) -> str | None:
    """The items of a list as one text, `separator` between them."""
    if value is None:
        return None
    mark = optional_text("join", "separator", separator) or ""
    items = list_input("join", value)
    texts = [java_text(item, evaluation.meter) for item in items]
    evaluation.meter.spend(len(texts))
    evaluation.meter.grow(len(mark) * len(texts))
    return mark.join(texts) if mark else joined(texts, evaluation.meter)


@declare_filter("reverse")
def reverse(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The items in the opposite order."""
    if value is None:
        return None
    items = list_input("reverse", value)
    evaluation.meter.spend(len(items))
    return items[::-1]


@declare_filter("sort")
def sort(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The items in ascending order; all must be numbers, texts, booleans or dates."""
    return _sorted(evaluation, "sort", value, descending=False)


@declare_filter("rsort")
def rsort(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The items in descending order; all must be numbers, texts, booleans or dates."""
    return _sorted(evaluation, "rsort", value, descending=True)


@declare_filter("slice", "fromIndex", "toIndex")
def slice_(value: Any, from_index: Any = 0, to_index: Any = None) -> Any:
    """The items or characters from `fromIndex` up to but without `toIndex`, counted from 0."""
    if value is None:
        return None
    if not isinstance(value, (str, list, tuple)):
        message = f"'slice' works on a text or a list, not on {kind(value)}"
        raise ExpressionError(message)
    start = 0 if from_index is None else whole_argument("slice", "fromIndex", from_index)
    end = len(value) if to_index is None else whole_argument("slice", "toIndex", to_index)
    if not 0 <= start <= end <= len(value) or (start == end and to_index is not None):
        message = f"'slice' from {start} to {end} is outside of 0 to {len(value)}"
        raise ExpressionError(message)
    return value[start:end] if isinstance(value, str) else list(value[start:end])


@declare_filter("merge", "items")
def merge(evaluation: Evaluation, value: Any, items: Any = None) -> Any:
    """Two maps or two lists as one; of equal keys the second map's value is kept.

    A null on either side gives the other; a list merged into a map adds its items as keys.
    """
    if value is None or items is None:
        if value is None and items is None:
            message = "'merge' needs at least one value that is not null"
            raise ExpressionError(message)
        return items if value is None else value
    evaluation.meter.spend(length(value) + length(items))
    if isinstance(value, Mapping):
        if isinstance(items, LISTS):
            items = {item: item for item in items if isinstance(item, (str, int, float))}
        return {**value, **map_input("merge", items)}
    if isinstance(items, Mapping):
        items = [Entry(key, item) for key, item in items.items()]
    return [*list_input("merge", value), *list_input("merge", items)]


@declare_filter("chunk", "size")
def chunk(evaluation: Evaluation, value: Any, size: Any) -> list[list[Any]] | None:
    """The list in lists of `size` items; the last one may be shorter."""
    if value is None:
        return None
    items = list_input("chunk", value)
    step = whole_argument("chunk", "size", size)
    if step <= 0:
        message = "the argument 'size' of 'chunk' must be more than 0"
        raise ExpressionError(message)
    evaluation.meter.spend(len(items))
    return [items[start : start + step] for start in range(0, len(items), step)]


@declare_filter("flatten")
def flatten(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The list with the items of its lists in their place, one level deep."""
    if value is None:
        return None
    result: list[Any] = []
    for item in list_input("flatten", value):
        added = list(item) if isinstance(item, LISTS) else [item]
        evaluation.meter.spend(len(added))
        result.extend(added)
    return result


@declare_filter("distinct", aliases=("uniq",))
def distinct(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The list without items that were there already."""
    if value is None:
        return None
    seen: dict[str, Any] = {}
    for item in list_input("distinct", value):
        evaluation.meter.step()
        seen.setdefault(_identity(evaluation, item), item)
    return list(seen.values())


@declare_filter("keys")
def keys(evaluation: Evaluation, value: Any) -> list[Any] | None:
    """The keys of a map, or the indexes of a list."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return list(value)
    items = list_input("keys", value)
    evaluation.meter.spend(len(items))
    return list(range(len(items)))


@declare_filter("values")
def values(value: Any) -> list[Any] | None:
    """The values of a map."""
    return None if value is None else list(map_input("values", value).values())


@declare_filter("default", "default", catches_missing=True)
def default(value: Any, default_: Any) -> Any:
    """The value, or `default` when it is missing, null, a blank text or an empty list or map."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return default_
    if isinstance(value, (Mapping, *LISTS)) and not value:
        return default_
    return value


def _identity(evaluation: Evaluation, item: Any) -> str:
    if is_number(item):
        # 1 and 1.0 are equal in expressions, but a list of both keeps both, as in Java.
        return f"{type(item).__name__}{item}"
    return write_json(item, evaluation.meter)


def _end(name: str, value: Any, index: int) -> Any:
    if value is None or isinstance(value, str):
        return value[index] if value else None
    items = list_input(name, value)
    return items[index] if items else None


def _sorted(evaluation: Evaluation, name: str, value: Any, *, descending: bool) -> list[Any] | None:
    if value is None:
        return None
    items = list_input(name, value)
    meter = evaluation.meter

    def order(left: Any, right: Any) -> int:
        meter.step()
        return compare(left, right)

    return sorted(items, key=functools.cmp_to_key(order), reverse=descending)
