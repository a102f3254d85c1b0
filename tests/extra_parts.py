"""What the pure cases of the conformance data have in common: times, rendering, conditions."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from app.engine.preview import Preview
from app.expressions import Environment, compile_template
from app.flows.conditions import Conditions
from app.flows.typed import TYPES
from app.plugins.registry import Registry

REGISTRY = Registry.load()


def resolved(value: Any, now: datetime) -> Any:
    """Return a value with the times in it that a case gives relative to now."""
    if isinstance(value, list):
        return [resolved(each, now) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, given), *_ = value.items()
        if key in _RELATIVE:
            return _RELATIVE[key](given, now)
    return {key: resolved(each, now) for key, each in value.items()}


_RELATIVE: Mapping[str, Callable[[Any, datetime], str]] = {
    "$now": lambda seconds, now: (now + timedelta(seconds=seconds)).isoformat(),
    "$now_hours": lambda hours, now: (now + timedelta(hours=hours)).isoformat(),
    "$today": lambda clock, now: f"{now.date()}T{clock[:15]}+00:00",
    "$now_time": lambda seconds, now: f"{now + timedelta(seconds=seconds):%H:%M:%S}",
    "$now_minute_time": lambda seconds, now: (
        f"{now.replace(second=0) + timedelta(seconds=seconds):%H:%M:%S}"
    ),
}


def render(template: str, variables: Mapping[str, Any]) -> str:
    """Return a template as text."""
    return compile_template(template).render(variables, Environment())


class _Renderer:
    """Renders without a server."""

    async def text(self, template: str, variables: Mapping[str, Any]) -> str:
        return render(template, variables)

    def without(self, *_: str) -> "_Renderer":
        return self


class _Live:
    """An execution without secrets."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def revealed(self, value: Any) -> Any:
        return value


def preview(**variables: Any) -> Preview:
    """Return what a trigger sees that has only these variables."""
    flow = {"namespace": "io.kestra.mock", "id": "mock"}
    variables = {"flow": flow, **variables}
    return Preview(_Renderer(), variables, _Live())  # type: ignore[arg-type]  # as much as needed


def conditions(*values: Any) -> Any:
    """Return conditions as a flow has them."""
    return TypeAdapter(Conditions).validate_python(list(values), context={TYPES: REGISTRY})


def evaluate(template: str, context: Mapping[str, Any]) -> Any:
    """Return the native value of a template."""
    return compile_template(template).value(context, Environment())
