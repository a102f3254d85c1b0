"""What the flows of a tree are, read once for all cases that run against it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.errors import Conflict, HeadwaterError, NotFound
from app.flows.parse import parse_flow
from app.flows.typenames import Types
from app.ports import FlowRevision, FlowTree, LoadedFlow

_NO_COMMIT = "0" * 40
_Key = tuple[str, str, str]


class TreeReader(Protocol):
    """Flows and namespace files of a tree that takes its time: as `FlowTree`, to be awaited."""

    async def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        """Return the source of a flow, None if there is no such flow."""
        ...

    async def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace by path."""
        ...

    async def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        """Return the variables that flows of a namespace see."""
        ...


class InThreads:
    """Reads a tree that may block."""

    def __init__(self, tree: FlowTree) -> None:
        """Read `tree`."""
        self._tree = tree

    async def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        """Return the source of a flow."""
        return await asyncio.to_thread(self._tree.flow, tenant, namespace, flow_id)

    async def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace."""
        return await asyncio.to_thread(self._tree.files, tenant, namespace)

    async def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        """Return the variables that flows of a namespace see."""
        return await asyncio.to_thread(self._tree.variables, tenant, namespace)


class TreeFlows:
    """The flows and namespace files of a tree, parsed and kept."""

    def __init__(self, tree: TreeReader, types: Types) -> None:
        """Read `tree`; tasks are of these types."""
        self._tree = tree
        self._types = types
        self._flows: dict[_Key, LoadedFlow | HeadwaterError] = {}
        self._files: dict[tuple[str, str], Mapping[str, bytes]] = {}
        self._variables: dict[tuple[str, str], Mapping[str, Any]] = {}

    async def flow(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return a flow.

        Raises:
            NotFound: when there is none.
            Conflict: when it is not valid.
        """
        key = (tenant, namespace, flow_id)
        if key not in self._flows:
            source = await self._tree.flow(*key)
            self._flows[key] = await asyncio.to_thread(self._parsed, key, source)
        found = self._flows[key]
        if isinstance(found, HeadwaterError):
            raise found
        return found

    async def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace by path."""
        place = (tenant, namespace)
        if place not in self._files:
            self._files[place] = await self._tree.files(*place)
        return self._files[place]

    def known(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any] | None:  # noqa: ARG002 - a tree is one commit
        """Return the variables of a namespace if they were asked for before."""
        return self._variables.get((tenant, namespace))

    async def of(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the variables of a namespace: implements `ports.NamespaceVariables`."""
        place = (tenant, namespace)
        if place not in self._variables:
            self._variables[place] = await self._tree.variables(*place)
        return self._variables[place]

    def _parsed(self, key: _Key, source: str | None) -> LoadedFlow | HeadwaterError:
        tenant, namespace, flow_id = key
        if source is None:
            return NotFound(f"there is no flow {namespace}.{flow_id}")
        parsed = parse_flow(source, types=self._types, tenant=tenant, namespace=namespace)
        if parsed.flow is None:
            problem = parsed.errors[0]
            return Conflict(f"the flow {namespace}.{flow_id} is not valid: {problem}")
        revision = FlowRevision(tenant, namespace, flow_id, 1, _NO_COMMIT, _NO_COMMIT, "", "")
        return LoadedFlow(revision, parsed.flow, source)


class CaseFlows:
    """The ports `FlowSource` and `FlowNames` of one case: its own flow, and all others it calls."""

    def __init__(self, own: LoadedFlow, others: TreeFlows) -> None:
        """Give `own` for the flow that is tested."""
        self._own = own
        self._others = others

    async def current(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return a flow, as `TreeFlows.flow`."""
        own = self._own.revision
        if (own.tenant, own.namespace, own.flow_id) == (tenant, namespace, flow_id):
            return self._own
        return await self._others.flow(tenant, namespace, flow_id)

    async def at(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,  # noqa: ARG002 - a tree has one revision of each
        commit: str | None = None,  # noqa: ARG002
        snapshot: str | None = None,  # noqa: ARG002
    ) -> LoadedFlow:
        """Return a flow, as `TreeFlows.flow`."""
        return await self.current(tenant, namespace, flow_id)

    def is_deleted(self, tenant: str, namespace: str, flow_id: str) -> bool:  # noqa: ARG002
        """Whether a flow was deleted: a tree holds what there is."""
        return False

    def active(self, tenant: str | None = None) -> Sequence[FlowRevision]:
        """Return the flow that is tested: nobody lists the others."""
        own = self._own.revision
        return [own] if tenant in (None, own.tenant) else []
