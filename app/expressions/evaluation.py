"""One evaluation of one template: its variables, scopes, macros and what is left of the budget."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.budget import Meter
from app.expressions.environment import Environment

Evaluate = Callable[["Evaluation"], Any]
"""A compiled expression."""
Write = Callable[[str], object]
"""Takes a piece of output."""
Run = Callable[["Evaluation", Write], None]
"""A compiled statement."""


class MacroCode:
    """A compiled macro: parameters with their defaults, and the body."""

    __slots__ = ("body", "name", "parameters")

    def __init__(
        self, name: str, parameters: tuple[tuple[str, Evaluate | None], ...], body: Run
    ) -> None:
        """Keep the parts."""
        self.name = name
        self.parameters = parameters
        self.body = body


class Unit:
    """What the parts of one compiled template share: source, macros, blocks, assigned names."""

    __slots__ = ("assigned", "blocks", "macros", "source", "uses_loop")

    def __init__(self, source: str) -> None:
        """Start with nothing but the source."""
        self.source = source
        self.assigned: set[str] = set()
        self.macros: dict[str, MacroCode] = {}
        self.blocks: dict[str, Run] = {}
        self.uses_loop = False


class Evaluation:
    """The state of one evaluation.

    `context` is never changed; what a template sets lives in `scopes`, the last of which is
    `local`. `trusted` tells that the template was written by the flow's author: text that came in
    as data is rendered without access to secrets.
    """

    __slots__ = ("context", "environment", "local", "meter", "scopes", "trusted", "unit")

    def __init__(
        self,
        context: Mapping[str, Any],
        environment: Environment,
        unit: Unit,
        meter: Meter | None = None,
        *,
        trusted: bool = True,
    ) -> None:
        """Start with one empty scope, and the whole budget unless a meter is shared."""
        self.context = context
        self.environment = environment
        self.unit = unit
        self.meter = meter or Meter(environment.budget)
        self.local: dict[str, Any] = {}
        self.scopes: list[dict[str, Any]] = [self.local]
        self.trusted = trusted

    def push(self, scope: dict[str, Any]) -> None:
        """Open a scope; `pop` closes it."""
        self.scopes.append(scope)
        self.local = scope

    def pop(self) -> None:
        """Close the innermost scope."""
        self.scopes.pop()
        self.local = self.scopes[-1]

    def assign(self, name: str, value: Any) -> None:
        """Set a variable where it exists already, else in the innermost scope.

        Raises:
            ExpressionError: for a variable of the context, which cannot be changed.
        """
        for scope in reversed(self.scopes):
            if name in scope:
                scope[name] = value
                return
        if name in self.context:
            message = f"`{name}` cannot be set: it is a variable of the execution; use another name"
            raise ExpressionError(message)
        self.local[name] = value

    def variables(self) -> Mapping[str, Any]:
        """Return the context with the variables that the template has set so far."""
        if not any(self.scopes):
            return self.context
        merged = dict(self.context)
        for scope in self.scopes:
            merged.update(scope)
        return merged

    def fetch(self, name: str, *arguments: Any) -> Any:
        """Return the host's answer to a question; the time that it takes is not our budget's.

        Raises:
            Pending: see `Environment.fetch`.
            ExpressionError: when there is no host, or it refuses.
        """
        before = time.monotonic()
        answer = self.environment.fetch(name, *arguments)
        self.meter.postpone(time.monotonic() - before)
        return answer

    def call_macro(self, macro: MacroCode, positional: list[Any], named: dict[str, Any]) -> str:
        """Return the text of a macro, which sees nothing but its arguments.

        Raises:
            ExpressionError: for arguments it does not have.
        """
        given = self._arguments(macro, positional, named)
        inner = Evaluation({}, self.environment, self.unit, self.meter, trusted=self.trusted)
        scope = inner.local
        for name, default in macro.parameters:
            if name in given:
                scope[name] = given[name]
            else:
                scope[name] = None if default is None else default(inner)
        return inner.captured(macro.body)

    def captured(self, body: Run) -> str:
        """Return what a body writes, one level deeper in calls."""
        out: list[str] = []
        self.meter.enter()
        try:
            body(self, out.append)
        finally:
            self.meter.leave()  # a missing variable in here may be caught further out
        return self.meter.joined(out)

    def _arguments(
        self, macro: MacroCode, positional: list[Any], named: dict[str, Any]
    ) -> dict[str, Any]:
        names = [name for name, _ in macro.parameters]
        if len(positional) > len(names):
            message = (
                f"The argument at position {len(names) + 1} is not allowed. "
                f"Only {len(names)} argument(s) are allowed by the macro '{macro.name}'."
            )
            raise ExpressionError(message)
        for name in named:
            if name not in names:
                message = f"The following named argument does not exist: {name}"
                raise ExpressionError(message)
        return {**dict(zip(names, positional, strict=False)), **named}
