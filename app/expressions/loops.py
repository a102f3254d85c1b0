"""Loops: `{% for x in items %}`, with a scope of their own and the variable `loop`."""

from collections.abc import Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.evaluation import Evaluate, Evaluation, Run, Unit, Write
from app.expressions.missing import raise_located
from app.expressions.nodes import For
from app.expressions.values import LISTS, Entry, kind

_LOOK_EVERY = 255


def loop(node: For, unit: Unit, expression: Evaluate, body: Run, otherwise: Run) -> Run:
    """Return the closure of `for` from the closures of its parts."""
    variable = node.variable
    uses_loop = unit.uses_loop
    source, at = unit.source, node.at

    def run(evaluation: Evaluation, write: Write) -> None:
        try:
            value = expression(evaluation)
            if value is None:
                return
            items = _items(value)
        except ExpressionError as error:
            raise_located(error, source, at)
        if not items:
            otherwise(evaluation, write)
            return
        scope: dict[str, Any] = {}
        meter = evaluation.meter
        meter.spend(len(items))
        evaluation.push(scope)
        try:
            for index, item in enumerate(items):
                if meter.chars_left < 0 or not index & _LOOK_EVERY:
                    meter.look()
                scope[variable] = item
                if uses_loop:
                    scope["loop"] = _loop(index, len(items))
                body(evaluation, write)
        finally:
            evaluation.pop()

    return run


def _loop(index: int, length: int) -> dict[str, Any]:
    return {
        "index": index,
        "revindex": length - index - 1,
        "length": length,
        "first": index == 0,
        "last": index == length - 1,
    }


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, Mapping):
        return [Entry(key, item) for key, item in value.items()]
    if isinstance(value, LISTS):
        return list(value)
    message = f"`for` goes over a list or a map, not over {kind(value)}"
    raise ExpressionError(message)
