"""Reading YAML 1.2 as values: an event at a time, so that no document can exhaust the stack.

Dates stay texts. Aliases share the value they name; an alias inside its own anchor is refused.
"""

import re
from typing import Any, Final

import yaml

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.values import MAX_NESTING, java_text

_NULL: Final = re.compile(r"~|null|Null|NULL|")
_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,300}")
_RADIX: Final = re.compile(r"0(?:o[0-7]{1,300}|x[0-9a-fA-F]{1,300})")
_DOUBLE: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TEXT_TAG = "tag:yaml.org,2002:str"
_MISSING: Final = object()


def read_yaml(text: str, meter: Meter) -> Any:
    """Return the value of the first document of a text; null for none.

    Raises:
        ExpressionError: when it is not YAML, nested too deeply, or too large.
    """
    builder = _Builder(meter)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            meter.step()
            builder.take(event)
    except (yaml.YAMLError, ValueError) as error:
        message = f"cannot read the YAML text: {error}"
        raise ExpressionError(message) from error
    return builder.root


class _Builder:
    """Builds values from events, with a stack of its own."""

    def __init__(self, meter: Meter) -> None:
        self.root: Any = None
        self._meter = meter
        self._open: list[list[Any] | dict[Any, Any]] = []
        self._keys: list[Any] = []
        self._anchors: dict[str, Any] = {}

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(_scalar(event), event.anchor)
        elif isinstance(event, yaml.MappingStartEvent):
            self._start({}, event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._start([], event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._named(event.anchor), None)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()
            self._keys.pop()

    def _start(self, container: list[Any] | dict[Any, Any], anchor: str | None) -> None:
        self._add(container, anchor)
        if len(self._open) >= MAX_NESTING:
            message = f"the YAML text is nested more than {MAX_NESTING} levels deep"
            raise ExpressionError(message)
        self._open.append(container)
        self._keys.append(_MISSING)

    def _named(self, anchor: str | None) -> Any:
        value = self._anchors.get(anchor or "", _MISSING)
        if value is _MISSING or any(value is container for container in self._open):
            message = f"the YAML alias `*{anchor}` names nothing, or what it stands in"
            raise ExpressionError(message)
        return value

    def _add(self, value: Any, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self.root = value
            return
        parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif self._keys[-1] is _MISSING:
            self._keys[-1] = java_text(value, self._meter)
        else:
            parent[self._keys[-1]] = value
            self._keys[-1] = _MISSING


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.tag == _TEXT_TAG or not event.implicit[0]:
        return text
    if _NULL.fullmatch(text):
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return _number(text)


def _number(text: str) -> Any:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if _DOUBLE.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text
