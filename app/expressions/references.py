"""Static analysis of values: which variables, secrets and functions their templates use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.expressions.uses import uses
from app.expressions.values import LISTS


@dataclass(frozen=True, slots=True)
class References:
    """What templates use, as far as it can be told without evaluating them.

    `inputs`, `outputs` (task ids), `vars` and `labels` are first keys; `secrets`, `kv`, `files`
    (paths of namespace files) and `flows` (`namespace.id`) are constant arguments. `names`: all
    variables of the context. `dynamic`: something is looked up by a name that is only known at run
    time (`outputs[x]`, `secret(x)`, `render(…)`).
    """

    names: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    vars: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    kv: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    filters: set[str] = field(default_factory=set)
    dynamic: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """Take up what the templates in a text, map or list use.

        Raises:
            ExpressionError: when a template cannot be read.
        """
        for text in _texts(value):
            for use in uses(text):
                found = getattr(self, use.kind, None)
                if found is not None:
                    found.add(use.name)


def references(value: Any) -> References:
    """Return what the templates in a text, map or list use.

    Raises:
        ExpressionError: when a template cannot be read.
    """
    found = References()
    found.add(value)
    return found


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            if "{" in one:
                yield one
        elif isinstance(one, Mapping):
            pending.extend(one)
            pending.extend(one.values())
        elif isinstance(one, LISTS):
            pending.extend(one)
