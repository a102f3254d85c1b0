"""What a program tells through its output: lines of log, and `::{…}::` lines (reference §2.7)."""

import json
import math
from datetime import timedelta
from typing import Any, Literal

from app.flows.durations import parse_duration
from app.plugins.api import RunContext

MOST_METRICS = 1_000
"""Metrics of one task run; further ones are dropped (security case 111)."""

MOST_DEPTH = 64
"""Nesting of what a line tells."""


class Listener:
    """Hears the lines of a program; keeps the outputs that it tells.

    A line that is `::` and a JSON object and `::` as a whole may hold `outputs` (merged into
    `vars`), `metrics` and `logs`. Any other line is logged: ERROR for stderr, else INFO.
    """

    def __init__(self, ctx: RunContext) -> None:
        """Report to this task run."""
        self._ctx = ctx
        self._metrics = 0
        self.vars: dict[str, Any] = {}
        self.errors = 0
        """How many lines came from stderr."""

    def __call__(self, stream: str, line: str) -> None:
        """Hear a line."""
        is_error = stream == "stderr"
        self.errors += is_error
        if line.startswith("::{") and line.endswith("}::") and self._told(line[2:-2]):
            return
        (self._ctx.log.error if is_error else self._ctx.log.info)(line)

    def _told(self, text: str) -> bool:
        """Take up what a line tells; return whether it tells anything."""
        try:
            told = json.loads(text, parse_constant=_refuse)
            _check_depth(told, MOST_DEPTH)
        except (ValueError, RecursionError):
            self._ctx.log.warn(f"a line between `::` holds no JSON object: {text[:200]}")
            return False
        if isinstance(outputs := told.get("outputs"), dict):
            self.vars.update(outputs)
        for each in _list(told.get("metrics")):
            self._metric(each)
        for each in _list(told.get("logs")):
            self._log(each)
        return True

    def _metric(self, told: Any) -> None:
        value = _value(told) if isinstance(told, dict) else None
        if value is None or not isinstance(told.get("name"), str):
            self._ctx.log.warn(f"a metric needs a name, a type and a value: {str(told)[:200]}")
            return
        self._metrics += 1
        if self._metrics > MOST_METRICS:
            if self._metrics == MOST_METRICS + 1:
                self._ctx.log.warn(f"metrics beyond {MOST_METRICS} of a task run are dropped")
            return
        kind: Literal["counter", "timer"] = "timer" if told["type"] == "timer" else "counter"
        tags = told.get("tags") if isinstance(told.get("tags"), dict) else {}
        texts = {_text(key)[:256]: _text(tag)[:256] for key, tag in list(tags.items())[:64]}
        if "kind" in texts:  # the name of a parameter
            texts["kind_"] = texts.pop("kind")
        self._ctx.metric(_text(told["name"])[:256], value, kind=kind, **texts)

    def _log(self, told: Any) -> None:
        if not isinstance(told, dict):
            return
        log = self._ctx.log
        levels = {
            "ERROR": log.error, "WARN": log.warn, "DEBUG": log.debug, "TRACE": log.trace,
        }  # fmt: skip
        levels.get(str(told.get("level")).upper(), log.info)(_text(told.get("message", "")))


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _check_depth(value: Any, left: int) -> None:
    """Refuse what is nested too deep to be kept."""
    if not left:
        raise ValueError("nested too deep")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, left - 1)


def _text(value: Any) -> str:
    """Return a text that can be encoded: JSON may hold halves of characters."""
    return str(value).encode("utf-8", "replace").decode()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _value(told: dict[str, Any]) -> float | None:
    """Return the number of a metric; a timer may be a duration, in seconds or in ISO-8601."""
    value = told.get("value")
    if told.get("type") not in ("counter", "timer") or isinstance(value, bool):
        return None
    try:
        if told["type"] == "timer" and isinstance(value, str):
            duration: timedelta = parse_duration(value)
            return duration.total_seconds()
        number = float(value)  # type: ignore[arg-type]  # anything may stand there
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
