"""Short ways to evaluate, and a host that answers from a dictionary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.errors import ExpressionError
from app.expressions import UNKNOWN, Environment, compile_template

DEFAULT = Environment()


def text(
    template: str, context: Mapping[str, Any] | None = None, env: Environment = DEFAULT
) -> str:
    """Render a template to text."""
    return compile_template(template).render(context or {}, env)


def value(
    template: str, context: Mapping[str, Any] | None = None, env: Environment = DEFAULT
) -> Any:
    """Return the native value of a template."""
    return compile_template(template).value(context or {}, env)


def fails(
    template: str, context: Mapping[str, Any] | None = None, env: Environment = DEFAULT
) -> ExpressionError:
    """Return the error that compiling or rendering a template raises."""
    with pytest.raises(ExpressionError) as caught:
        text(template, context, env)
    return caught.value


@dataclass
class FakeHost:
    """Knows some answers at once, others only after a question; remembers what it was asked."""

    known: Mapping[tuple[Any, ...], Any] = field(default_factory=dict)
    later: Mapping[tuple[Any, ...], Any] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        return self.known.get(_key(name, arguments), UNKNOWN)

    def may_read(self, uri: str) -> bool:
        return False

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        self.asked.append((name, *arguments))
        found = self.later[_key(name, arguments)]
        if isinstance(found, Exception):
            raise found
        return found


def _key(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave trailing nulls out, so that tables stay short."""
    parts = [name, *arguments]
    while parts and parts[-1] is None:
        parts.pop()
    return tuple(part if not isinstance(part, dict) else part["uri"] for part in parts)
