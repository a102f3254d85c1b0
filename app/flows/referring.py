"""What one flow refers to, as values: other flows, secrets, keys, files, types."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from app.flows.interfaces import Interface
from app.flows.problems import Path
from app.flows.topology import Name, Ties
from app.flows.trigger_types import FlowTrigger

_OPEN: Final = Interface()


class Call(NamedTuple):
    """A task that starts another flow. `path`: where the task stands in the document."""

    task: str
    path: Path
    target: Name
    revision: int | None = None
    inputs: frozenset[str] | None = frozenset()
    """The ids that are given; None: only the execution knows."""
    outputs: frozenset[str] = frozenset()
    """The outputs of the other flow that this one names."""
    certain: bool = True
    """Whether every execution makes the call, unless a task fails before it."""


@dataclass(frozen=True, slots=True)
class References:
    """What one flow refers to. Names that only an execution knows are left out."""

    calls: tuple[Call, ...] = ()
    listens: tuple[FlowTrigger, ...] = ()
    triggered: frozenset[str] = frozenset()
    """The outputs of the flow that it listens to which it names."""
    secrets: frozenset[str] = frozenset()
    kv: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    """Namespace files named in templates and in `namespaceFiles.include`."""
    types: frozenset[str] = frozenset()
    """Full names of the task, trigger, condition and runner types."""
    interface: Interface = _OPEN
    """Its inputs and outputs."""

    @property
    def ties(self) -> Ties:
        """What the flow starts and listens to, for `topology`."""
        return Ties(frozenset(call.target for call in self.calls), self.listens)


NONE: Final = References()
