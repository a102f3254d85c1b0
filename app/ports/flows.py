"""Flows by revision, and their triggers as far as tasks may change them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from app.errors import Unavailable
from app.flows.flow import PluginDefault
from app.flows.model import Flow
from app.ports.executions import FlowKey


@dataclass(frozen=True, slots=True)
class FlowRevision:
    """One revision of a flow: what one commit says of it."""

    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit: str
    blob: str
    path: str
    source_id: str
    kind: str = "commit"
    """commit | reset | delete | import"""
    state: str = "active"
    """active | superseded | invalid | held | redacted"""
    author_name: str = ""
    author_email: str = ""
    authored_at: int = 0
    subject: str = ""
    snapshot: str = ""
    """The commit that is active in the namespace: what a new execution pins."""
    semantic: bool | None = field(default=None, compare=False)
    """Whether the document is another one than that before, or only its text; None: unknown."""
    renamed_from: str | None = None
    """`namespace.id` of the flow that it was before."""
    signature: str = ""
    """What became of the signature of its commit: good, unsigned, unlisted, …; "": not looked at"""
    pull_number: int | None = None
    """The pull request that brought its commit, where that is known."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Tenant, namespace and id of the flow."""
        return self.tenant, self.namespace, self.flow_id


@dataclass(frozen=True, slots=True)
class LoadedFlow:
    """A flow ready to run: its revision, its model, its source text."""

    revision: FlowRevision
    flow: Flow
    source: str
    plans: dict[int, Any] = field(default_factory=dict)
    """What the engine prepared for the flow's tasks, by their identity; lives as long as they."""
    lacking: str = ""
    """Why its plugin defaults cannot be read for now: it can be looked at, not run."""

    def complete(self) -> "LoadedFlow":
        """Return it; raises `Unavailable` while its plugin defaults cannot be read."""
        if self.lacking:
            raise incomplete(self.revision, self.lacking)
        return self


def incomplete(revision: FlowRevision, reason: str) -> Unavailable:
    """Return what is said of a flow whose plugin defaults cannot be read for now."""
    name = f"{revision.namespace}.{revision.flow_id}"
    return Unavailable(f"the plugin defaults of flow {name} cannot be read now: {reason}")


class FlowSource(Protocol):
    """Where flows come from: what Git says, by active revision, number or commit."""

    async def current(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return what runs now: the pinned revision, else the active one.

        Raises:
            NotFound: when there is no such flow.
            Gone: when it was deleted.
        """
        ...

    async def at(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
        snapshot: str | None = None,
    ) -> LoadedFlow:
        """Return the flow at a revision number, or as the given commit says.

        `snapshot`: the commit that plugin defaults are of which the flow does not say itself, where
        it is another one than that of the revision.

        Raises:
            NotFound: when there is no such flow or revision.
            Gone: when that revision is a deletion.
            Conflict: when it is invalid or redacted.
        """
        ...

    def is_deleted(self, tenant: str, namespace: str, flow_id: str) -> bool:
        """Return whether a flow was deleted; its revisions stay readable."""
        ...


class RevisionPolicy(Protocol):
    """What sources and namespaces say of the revisions that executions run."""

    async def again(self, tenant: str, namespace: str) -> str:
        """Return what restarts and replays run that say nothing: `original` or `latest`."""
        ...

    async def subflow_commit(self, parent: FlowKey, commit: str, target: FlowKey) -> str | None:
        """Return the commit that a subflow runs at which names no revision.

        `commit` is what its parent runs at; None: whatever is active.
        """
        ...


class FlowNames(Protocol):
    """Which flows there are."""

    def active(self, tenant: str | None = None) -> Sequence[FlowRevision]:
        """Return what Git says now of every flow, in order of name."""
        ...


class Triggers(Protocol):
    """The state of triggers, as far as tasks may change it."""

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        """Stop a trigger from firing, or let it fire again.

        Raises:
            NotFound: when the flow has no such trigger.
        """
        ...


class DefaultSet(NamedTuple):
    """Plugin defaults, the most important first."""

    entries: tuple[PluginDefault, ...] = ()
    mark: str = ""
    """Another text for other defaults; "" for none."""
    lacking: str = ""
    """Why they cannot be read for now."""


NO_DEFAULTS: Final = DefaultSet()

DefaultSetOf = Callable[[str], DefaultSet]
"""Returns the plugin defaults that a namespace has from outside its flows."""


class PluginDefaults(Protocol):
    """The plugin defaults of namespaces, by commit."""

    def known(self, tenant: str, namespace: str, commit: str) -> DefaultSet | None:
        """Return them if they are in memory."""
        ...

    async def of(self, tenant: str, namespace: str, commit: str) -> DefaultSet:
        """Return them."""
        ...
