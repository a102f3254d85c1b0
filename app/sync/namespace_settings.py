"""What `namespace.yaml` says about executions: which revision goes on, how releases are watched.

The nearest file counts: that of the namespace, else of the one above it, each as the active commit
has it.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress

from app.errors import HeadwaterError, NotFound, TooLarge
from app.git.trees import blob_of
from app.sync.namespace_file import CLOSED, NamespaceSettings, readable_settings
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_REMEMBERED = 2_000
_LARGEST = 64 * 1024


class NamespaceReader:
    """Finds the settings of namespaces in the active commits, and remembers them."""

    def __init__(self, workers: SourceSet) -> None:
        """Read from the repositories of `workers`."""
        self._workers = workers
        self._known: OrderedDict[tuple[str, ...], NamespaceSettings | None] = OrderedDict()

    async def of(self, tenant: str, namespace: str) -> NamespaceSettings:
        """Return what holds for a namespace; what cannot be read counts as not there."""
        try:
            return await self.read(tenant, namespace)
        except HeadwaterError as error:
            _LOG.warning("no settings of a namespace", namespace=namespace, reason=error.message)
            return NamespaceSettings.model_construct()

    async def at(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> NamespaceSettings:
        """Return what holds for a namespace of a source once a commit is active; as `of`."""
        try:
            return await self._nearest(worker, commit, tenant, namespace)
        except HeadwaterError as error:
            _LOG.warning("no settings of a namespace", namespace=namespace, reason=error.message)
            return NamespaceSettings.model_construct()

    async def read(self, tenant: str, namespace: str) -> NamespaceSettings:
        """Return what holds for a namespace; of one that nobody has, nothing is said.

        One whose source is not followed any more lets nobody in: what it says cannot be read.

        Raises:
            GitError, Unavailable: when that cannot be read now: who asks for rights has none.
        """
        with suppress(NotFound):
            worker = await self._workers.owner(tenant, namespace)
            activation = worker.parts.sources.activation
            snapshot = await activation.snapshot(worker.id, tenant, namespace)
            if snapshot is not None and snapshot.commit:
                return await self._nearest(worker, snapshot.commit, tenant, namespace)
        is_orphaned = await self._workers.is_orphaned(tenant, namespace)
        return CLOSED if is_orphaned else NamespaceSettings.model_construct()

    async def _nearest(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> NamespaceSettings:
        found = NamespaceSettings.model_construct()
        parts = namespace.split(".")
        for length in range(len(parts), 0, -1):
            one = await self._one(worker, commit, tenant, ".".join(parts[:length]))
            if one is not None:
                own = length == len(parts)
                found = NamespaceSettings.model_construct(
                    description=one.description if own else found.description,
                    revision=found.revision or one.revision,
                    release=found.release or one.release,
                    secrets=found.secrets or one.secrets,
                    allow=one.allow if found.allow is None else found.allow,
                    plugin_defaults=(*found.plugin_defaults, *one.plugin_defaults),
                )
        return found

    async def _one(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> NamespaceSettings | None:
        key = (worker.id, commit, tenant, namespace)
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(_read, worker, commit, tenant, namespace)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


def _read(
    worker: SourceWorker, commit: str, tenant: str, namespace: str
) -> NamespaceSettings | None:
    """Read one file out of a commit (blocking); None when there is none."""
    origin = worker.parts.repository
    origin.check(commit)
    path = f"{origin.layout.namespace_folder(tenant, namespace)}/namespace.yaml"
    blob = blob_of(origin.mirror.objects, commit, path)
    if blob is None:
        return None
    try:
        text = origin.mirror.objects.read(blob, limit=_LARGEST)
    except TooLarge as error:
        _LOG.warning("namespace.yaml is not read", path=path, reason=error.message)
        return CLOSED
    return readable_settings(text)
