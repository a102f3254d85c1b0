"""Flows and namespace files as this service has them: what is active, or what a commit says."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app.db.flows import FlowStore
from app.errors import Gone, HeadwaterError, NotFound
from app.ports import FlowRevision
from app.sync.routing import RoutedFiles

_TOGETHER = 16
"""Namespace files that are read at once."""


class StoredTree:
    """A tree to run tests against (see `engine.flow_tests.trees.TreeReader`)."""

    def __init__(
        self,
        flows: FlowStore,
        files: RoutedFiles,
        *,
        commit: str | None = None,
        instead: FlowRevision | None = None,
    ) -> None:
        """See flows as a commit has them (None: what runs now), one of them at another revision."""
        self._flows = flows
        self._files = files
        self._commit = commit
        self._instead = instead

    async def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        """Return the source of a flow, None if there is none."""
        try:
            revision = await self._revision(tenant, namespace, flow_id)
            return None if revision.kind == "delete" else await self._flows.source(revision)
        except (NotFound, Gone):
            return None

    async def _revision(self, tenant: str, namespace: str, flow_id: str) -> FlowRevision:
        own = self._instead
        if own is not None and (own.tenant, own.namespace, own.flow_id) == (
            tenant,
            namespace,
            flow_id,
        ):
            return own
        if self._commit is None:
            return self._flows.effective(tenant, namespace, flow_id)
        return await self._flows.find(tenant, namespace, flow_id, commit=self._commit)

    async def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        """Return the variables that flows of a namespace see."""
        commit = self._commit or await self._files.active(tenant, namespace)
        return await self._files.variables.of(tenant, namespace, commit or "")

    async def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace; none of a commit that is not readable any more."""
        try:
            entries = await self._files.entries(tenant, namespace, self._commit)
            turn = asyncio.Semaphore(_TOGETHER)

            async def read(path: str) -> tuple[str, bytes]:
                async with turn:
                    return path, await self._files.read(tenant, namespace, path, self._commit)

            return dict(await asyncio.gather(*(read(each.path) for each in entries)))
        except HeadwaterError:
            return {}
