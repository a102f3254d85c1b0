"""The names of task, trigger, condition and runner types, and where they are looked up."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from app.flows.typed import Typed

if TYPE_CHECKING:
    from app.flows.model import Condition, Task, TaskRunner, Trigger

PREFIX = "io.kestra.plugin."
"""The part that the short form of a type name leaves out."""


class Types(Protocol):
    """The registered types. Each look-up takes a full name, an alias or a short form."""

    def task(self, name: str) -> "type[Task] | None":
        """Return the task type of this name, None if there is none."""

    def trigger(self, name: str) -> "type[Trigger] | None":
        """Return the trigger type of this name, None if there is none."""

    def condition(self, name: str) -> "type[Condition] | None":
        """Return the condition type of this name, None if there is none."""

    def runner(self, name: str) -> "type[TaskRunner] | None":
        """Return the task-runner type of this name, None if there is none."""

    def names(self) -> Iterable[str]:
        """Return every full type name, for "did you mean" and editors."""


def spellings(named: type[Typed]) -> Iterator[str]:
    """Yield every way to write a type: full name, aliases, and their short forms."""
    for name in (named.type_name, *named.aliases):
        yield name
        if name.startswith(PREFIX):
            yield name.removeprefix(PREFIX)


def is_alias(written: str, named: type[Typed]) -> bool:
    """Whether the written name is an old one, neither the full name nor its short form."""
    return written not in (named.type_name, named.type_name.removeprefix(PREFIX))
