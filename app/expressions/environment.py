"""The environment of evaluations: functions, filters, tests, limits, time, and the outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from app.errors import ExpressionError, HeadwaterError
from app.expressions.budget import Budget
from app.expressions.host import UNKNOWN, Host, Pending
from app.expressions.registry import FILTERS, FUNCTIONS, TESTS, Filter, Function, Test

RENDERING = frozenset({"render", "renderOnce"})


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that evaluations share. Make it once; `only` and `without` derive stricter ones.

    `clock` returns the time in UTC; `zone` is the server's; `recursive`: render again until nothing
    changes, as very old servers did (then `render` and `renderOnce` do not exist). `denied`: names
    of functions that exist but may not be used here. `wait`: gets an answer that the host does not
    know at once, while the evaluation waits (`rendering`); without it `Pending` is raised.
    """

    functions: Mapping[str, Function] = field(default_factory=lambda: FUNCTIONS)
    filters: Mapping[str, Filter] = field(default_factory=lambda: FILTERS)
    tests: Mapping[str, Test] = field(default_factory=lambda: TESTS)
    budget: Budget = field(default_factory=Budget)
    clock: Callable[[], datetime] = system_clock
    zone: tzinfo = UTC
    locale: str | None = None
    host: Host | None = None
    recursive: bool = False
    denied: frozenset[str] = frozenset()
    wait: Callable[[str, tuple[Any, ...]], Any] | None = None

    def without(self, *names: str) -> "Environment":
        """Return an environment that refuses some functions, such as `secret` in labels."""
        return replace(self, denied=self.denied | set(names))

    def function(self, name: str) -> Function | None:
        """Return the function of a name, or None.

        Raises:
            ExpressionError: when it may not be used here.
        """
        if name in self.denied:
            message = f"{name}() may not be used here"
            raise ExpressionError(message)
        if self.recursive and name in RENDERING:
            return None
        return self.functions.get(name)

    def fetch(self, name: str, *arguments: Any) -> Any:
        """Return the host's answer to a question.

        Raises:
            Pending: when the answer is not known yet and nothing can wait for it.
            ExpressionError: when there is no host, or it refuses.
        """
        if self.host is None:
            message = f"{name} is not available here: it needs a running execution"
            raise ExpressionError(message)
        try:
            answer = self.host.answer(name, arguments)
        except ExpressionError:
            raise
        except HeadwaterError as error:
            raise ExpressionError(error.message) from error
        if answer is not UNKNOWN:
            return answer
        if self.wait is None:
            raise Pending(name, arguments)
        return self.wait(name, arguments)

    def may_read(self, uri: str) -> bool:
        """Whether the host lets a file be read that is neither the execution's nor its parent's."""
        return self.host is not None and self.host.may_read(uri)
