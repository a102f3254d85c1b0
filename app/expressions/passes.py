"""Rendering again and again: what `render()` does, and servers with recursive rendering.

What stands between `{% raw %}` and `{% endraw %}` is put on a shelf before the first pass and put
back after the last, so that it survives all of them (reference §5.2, §5.7).
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.evaluation import Evaluation
from app.expressions.raw import raw_texts
from app.expressions.values import LISTS, nest

MAX_PASSES: Final = 100

_MARK: Final = re.compile("\0[0-9a-f]{32}\0")

Once = Callable[[str, Evaluation, bool], str]
"""Renders a text one time; the boolean tells whether secrets may be used."""


def render_until_stable(text: str, evaluation: Evaluation, once: Once) -> str:
    """Return a text rendered until nothing changes any more.

    Only the first pass may use secrets: what it brings in is data.

    Raises:
        ExpressionError: after `MAX_PASSES` passes that still change something.
    """
    shelf = _Shelf()
    current = shelf.put_away(text)
    evaluation.meter.enter()
    try:
        for number in range(MAX_PASSES):
            rendered = shelf.put_away(once(current, evaluation, number == 0))
            if rendered == current:
                return shelf.put_back(current)
            current = rendered
    finally:
        evaluation.meter.leave()
    message = f"Too many rendering attempts: the text still changes after {MAX_PASSES} passes"
    raise ExpressionError(message)


def render_one_pass(text: str, evaluation: Evaluation, once: Once) -> str:
    """Return a text rendered one time."""
    evaluation.meter.enter()
    try:
        return once(text, evaluation, True)
    finally:
        evaluation.meter.leave()


def deeply(value: Any, change: Callable[[str], Any], meter: Meter, depth: int = 0) -> Any:
    """Return a value with every text in it changed, keys too; of equal keys the first stays.

    Raises:
        ExpressionError: when it is nested too deeply, or has more parts than steps are left.
    """
    meter.step()
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        nest(depth)
        result: dict[Any, Any] = {}
        for key, item in value.items():
            name = change(key) if isinstance(key, str) else key
            result.setdefault(name, deeply(item, change, meter, depth + 1))
        return result
    if isinstance(value, LISTS):
        nest(depth)
        return [deeply(item, change, meter, depth + 1) for item in value]
    return value


class _Shelf:
    """Keeps raw texts away from passes, under marks that nobody can guess."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put_away(self, text: str) -> str:
        if "endraw" not in text:
            return text
        parts: list[str] = []
        position = 0
        for raw in raw_texts(text):
            parts += (text[position : raw.start], self._keep(raw.text))
            position = raw.end
        return "".join(parts) + text[position:]

    def put_back(self, text: str) -> str:
        if not self._texts:
            return text
        return _MARK.sub(lambda match: self._texts.get(match.group(), match.group()), text)

    def _keep(self, text: str) -> str:
        mark = f"\0{secrets.token_hex(16)}\0"
        self._texts[mark] = text
        return mark
