"""What the flows of a tree are, read once for all cases that run against it."""

import asyncio
from collections.abc import Mapping, Sequence

from app.errors import Conflict, HeadwaterError, NotFound
from app.flows.parse import parse_flow
from app.flows.typenames import Types
from app.ports import FlowRevision, FlowTree, LoadedFlow

_NO_COMMIT = "0" * 40
_Key = tuple[str, str, str]


class TreeFlows:
    """The flows and namespace files of a tree, parsed and kept."""

    def __init__(self, tree: FlowTree, types: Types) -> None:
        """Read `tree`, which may block, in threads; tasks are of these types."""
        self._tree = tree
        self._types = types
        self._flows: dict[_Key, LoadedFlow | HeadwaterError] = {}
        self._files: dict[tuple[str, str], Mapping[str, bytes]] = {}

    async def flow(self, tenant: str, namespace: str, flow_id: str) -> LoadedFlow:
        """Return a flow.

        Raises:
            NotFound: when there is none.
            Conflict: when it is not valid.
        """
        key = (tenant, namespace, flow_id)
        if key not in self._flows:
            self._flows[key] = await asyncio.to_thread(self._read, key)
        found = self._flows[key]
        if isinstance(found, HeadwaterError):
            raise found
        return found

    async def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace by path."""
        place = (tenant, namespace)
        if place not in self._files:
            self._files[place] = await asyncio.to_thread(self._tree.files, *place)
        return self._files[place]

    def _read(self, key: _Key) -> LoadedFlow | HeadwaterError:
        tenant, namespace, flow_id = key
        source = self._tree.flow(*key)
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
    ) -> LoadedFlow:
        """Return a flow, as `TreeFlows.flow`."""
        return await self.current(tenant, namespace, flow_id)

    def active(self, tenant: str | None = None) -> Sequence[FlowRevision]:
        """Return the flow that is tested: nobody lists the others."""
        own = self._own.revision
        return [own] if tenant in (None, own.tenant) else []
