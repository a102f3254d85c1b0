"""Writing YAML as Kestra's mapper does: few quotes, lists indented by one space."""

import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any, Final

from app.expressions.budget import Meter
from app.expressions.dates import temporal_json
from app.expressions.json_text import quoted
from app.expressions.values import LISTS, Entry, java_text, nest, scalar_text

_PLAIN: Final = re.compile(
    r"""(?![-?:,\[\]{}#&*!|>'"%@`\s]|[-?:](?:\s|$))   # no indicator at the start
    (?:[^\x00-\x1f\x7f:#]|:(?=\S)|(?<=\S)\#)*          # `: ` and ` #` would end it
    (?<![\s:])""",
    re.VERBOSE,
)
_AMBIGUOUS: Final = re.compile(
    r"(?:true|false|yes|no|on|off|y|n|null|~"
    r"|[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?|0[xo][0-9a-f]+"
    r"|[-+]?\.inf|\.nan)?",
    re.IGNORECASE,
)
_BLOCK: Final = re.compile(r"(?!\s)[^\x00-\x09\x0b-\x1f\x7f]*\n[^\x00-\x09\x0b-\x1f\x7f]*")

Write = Callable[[str], object]


def write_yaml(value: Any, meter: Meter) -> str:
    """Return a value as a YAML document, ending with a line break.

    Raises:
        ExpressionError: when it is too long, nested too deeply, or of an unknown kind.
    """
    lines = _lines(_simplified(value), meter, 0)
    return "\n".join(lines) + "\n"


def _simplified(value: Any) -> Any:
    return {value.key: value.value} if isinstance(value, Entry) else value


def _lines(value: Any, meter: Meter, depth: int) -> list[str]:
    """Return the lines of a value that stands on lines of its own, not indented."""
    meter.step()
    if isinstance(value, Mapping):
        nest(depth)
        lines = []
        for key, item in value.items():
            if item is not None:
                lines += _pair(java_text(key, meter), _simplified(item), meter, depth)
        return lines or ["{}"]
    if isinstance(value, LISTS):
        nest(depth)
        lines = []
        for item in value:
            first, *rest = _lines(_simplified(item), meter, depth + 1)
            meter.grow(4 + 4 * len(rest))
            lines += [f" - {first}", *(f"   {line}" if line else "" for line in rest)]
        return lines or ["[]"]
    return _scalar_lines(value, meter)


def _pair(key: str, value: Any, meter: Meter, depth: int) -> list[str]:
    name = key if _is_plain(key) else quoted(key)
    lines = _lines(value, meter, depth + 1)
    meter.grow(len(name) + 4 * len(lines))
    if isinstance(value, Mapping) and value and lines != ["{}"]:
        return [f"{name}:", *(f"  {line}" if line else "" for line in lines)]
    if isinstance(value, LISTS) and value:
        return [f"{name}:", *lines]
    return [f"{name}: {lines[0]}", *lines[1:]]


def _scalar_lines(value: Any, meter: Meter) -> list[str]:
    if not isinstance(value, str):
        temporal = isinstance(value, (date, time, timedelta))
        return [temporal_json(value) if temporal else scalar_text(value)]
    meter.grow(len(value) + 2)
    if _is_plain(value):
        return [value]
    if not _BLOCK.fullmatch(value) or value.endswith("\n\n"):
        return [quoted(value)]
    body = value.removesuffix("\n")
    mark = "|" if value.endswith("\n") else "|-"
    return [mark, *(f"  {line}" if line else "" for line in body.split("\n"))]


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and _AMBIGUOUS.fullmatch(text) is None
