"""The registry: which task, trigger, condition and runner types there are, by all their names.

Plugins are packages that announce a module under the entry-point group `headwater.plugins`; the
module's `TYPES` are the classes. Ours are announced in the same way.
"""

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any, Self, TypeVar

from app.errors import HeadwaterError
from app.flows.model import CONDITIONS, RUNNERS, TRIGGERS, Condition, Task, TaskRunner, Trigger
from app.flows.typed import Typed
from app.flows.typenames import spellings
from app.plugins import core, scripts

GROUP = "headwater.plugins"

T = TypeVar("T", bound=Typed)


class BrokenPlugin(HeadwaterError):
    """A plugin cannot be loaded."""

    code = "BROKEN_PLUGIN"


class Registry:
    """The types by name; implements `flows.typenames.Types`."""

    def __init__(self, types: Iterable[type[Typed]]) -> None:
        """Register the types.

        Raises:
            BrokenPlugin: two types have one name, or one is no type of anything.
        """
        self._tasks: dict[str, type[Task]] = {}
        self._triggers: dict[str, type[Trigger]] = {}
        self._conditions: dict[str, type[Condition]] = {}
        self._runners: dict[str, type[TaskRunner]] = {}
        self._names: list[str] = []
        for each in types:
            self._register(each)
        self._names.sort()

    @classmethod
    def load(cls) -> Self:
        """Return the registry of all installed plugins; raises `BrokenPlugin`."""
        # Ours are there even when the project runs without being installed.
        found: list[type[Typed]] = [*core.TYPES, *scripts.TYPES, *TRIGGERS, *CONDITIONS, *RUNNERS]
        for entry in entry_points(group=GROUP):
            found += _types_of(entry.name, entry.load)
        return cls(dict.fromkeys(found))

    def task(self, name: str) -> type[Task] | None:
        """Return the task type of this name, None if there is none."""
        return self._tasks.get(name)

    def trigger(self, name: str) -> type[Trigger] | None:
        """Return the trigger type of this name, None if there is none."""
        return self._triggers.get(name)

    def condition(self, name: str) -> type[Condition] | None:
        """Return the condition type of this name, None if there is none."""
        return self._conditions.get(name)

    def runner(self, name: str) -> type[TaskRunner] | None:
        """Return the task-runner type of this name, None if there is none."""
        return self._runners.get(name)

    def names(self) -> Iterable[str]:
        """Return every full type name, in order."""
        return tuple(self._names)

    def _register(self, new: type[Typed]) -> None:
        if not new.type_name:
            raise BrokenPlugin(f"{new.__qualname__} of {new.__module__} has no type_name")
        if issubclass(new, Task):
            _add(self._tasks, new)
        elif issubclass(new, Trigger):
            _add(self._triggers, new)
        elif issubclass(new, Condition):
            _add(self._conditions, new)
        elif issubclass(new, TaskRunner):
            _add(self._runners, new)
        else:
            raise BrokenPlugin(f"{new.type_name} is no task, trigger, condition or task runner")
        self._names.append(new.type_name)


def _add(table: dict[str, type[T]], new: type[T]) -> None:
    for name in spellings(new):
        other = table.setdefault(name, new)
        if other is not new:
            places = f"{other.__module__} and {new.__module__}"
            raise BrokenPlugin(f"the type {name} is registered twice, by {places}")


def _types_of(plugin: str, load: Any) -> Iterator[type[Typed]]:
    try:
        types = load().TYPES
    # Whatever a plugin raises while it is imported: the message must name it.
    except Exception as error:
        raise BrokenPlugin(f"the plugin {plugin!r} cannot be loaded: {error!r}") from error
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Typed)):
            raise BrokenPlugin(f"the plugin {plugin!r} has {each!r} in TYPES, which is no type")
        yield each
