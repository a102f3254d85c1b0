"""Which revision runs where nobody says: by namespace, else by source (`RevisionPolicy`)."""

from contextlib import suppress

from app.errors import NotFound
from app.ports import FlowKey
from app.sync.namespace_settings import NamespaceReader
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker


class SourcePolicy:
    """Implements `ports.RevisionPolicy` on the sources of a node."""

    def __init__(self, workers: SourceSet, namespaces: NamespaceReader) -> None:
        """Ask `namespaces` first, then the settings of the source."""
        self._workers = workers
        self._namespaces = namespaces

    async def again(self, tenant: str, namespace: str) -> str:
        """Return `original` or `latest`."""
        own = (await self._namespaces.of(tenant, namespace)).revision
        if own is not None:
            return own
        try:
            return (await self._workers.owner(tenant, namespace)).spec.revision
        except NotFound:
            return "original"

    async def subflow_commit(self, parent: FlowKey, commit: str, target: FlowKey) -> str | None:
        """Return the parent's commit where its source wants that and holds both flows."""
        try:
            worker = await self._workers.owner(*parent[:2])
            if worker.spec.subflows != "commit":
                return None
            same = await self._workers.owner(*target[:2]) is worker
        except NotFound:
            return None
        return commit if same and not await _stays(worker, commit, target) else None


async def _stays(worker: SourceWorker, commit: str, flow: FlowKey) -> bool:
    """Whether a flow did not go to a commit with its caller: what is active of it goes on."""
    with suppress(NotFound):
        return (await worker.parts.flows.find(*flow, commit=commit)).state in ("held", "invalid")
    return False
