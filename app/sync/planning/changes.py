"""The values that a plan is made of: what becomes of flows, variables, secrets and files."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from app.flows.differences import Difference
from app.flows.interfaces import Break
from app.flows.topology import Name
from app.sync.planning.tree import FlowKey

FlowKind = Literal["added", "changed", "removed", "renamed", "moved"]
"""`renamed`: another id or namespace; `moved`: another path only."""

Kind = Literal["added", "changed", "removed"]


class Dates(NamedTuple):
    """The next times at which a trigger fires, as RFC 3339 has them."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class TriggerChange(NamedTuple):
    """A trigger that is added, changed or removed."""

    id: str
    kind: Kind
    type: str
    dates: Dates = Dates()


class Broken(NamedTuple):
    """A break of the interface, and whom it concerns: flows of the tenant."""

    change: Break
    callers: tuple[Name, ...] = ()


class Running(NamedTuple):
    """An execution that has not ended: it goes on with the commit that it began with."""

    id: str
    state: str
    commit: str
    revision: int | None = None


class KeyChange(NamedTuple):
    """A variable, or the name of a secret: values of secrets are never known here."""

    key: str
    kind: Kind
    before: Any = None
    after: Any = None


class FileChange(NamedTuple):
    """A namespace file or a test, by its path below its folder."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class FlowChange:
    """What becomes of one flow."""

    key: FlowKey
    kind: FlowKind
    path: str
    """Where it lies now; of a removed flow, where it lay."""
    old_path: str = ""
    old_key: FlowKey | None = None
    """What a renamed flow was."""
    carries: bool = False
    """Whether a renamed flow says so by its label `system.renamedFrom`."""
    blob: str = ""
    old_blob: str = ""
    semantic: bool = True
    """Whether the document means something else; False: comments, order of keys, quotes."""
    differences: tuple[Difference, ...] = ()
    triggers: tuple[TriggerChange, ...] = ()
    breaks: tuple[Broken, ...] = ()
    new_types: tuple[str, ...] = ()
    new_secrets: tuple[str, ...] = ()
    dependents: tuple[Name, ...] = ()
    """Flows of the tenant that start it or listen to it, directly or through others."""
    approvers: tuple[str, ...] = ()
    running: tuple[Running, ...] = ()
    users: int = 0
    """Executions that somebody started through the API lately."""

    def telling(self, **told: Any) -> "FlowChange":
        """Return the change with more of it known."""
        return replace(self, **told)

    @property
    def name(self) -> str:
        """Namespace and id, as people write them."""
        return f"{self.key[1]}.{self.key[2]}"


@dataclass(frozen=True, slots=True)
class NamespaceChange:
    """What changes in one namespace: its flows and what they use."""

    tenant: str
    namespace: str
    flows: tuple[FlowChange, ...] = ()
    variables: tuple[KeyChange, ...] = ()
    secrets: tuple[KeyChange, ...] = ()
    preview_secrets: tuple[KeyChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    tests: tuple[FileChange, ...] = ()
    settings: bool = False
    """Whether `namespace.yaml` differs."""
