"""The sync service: what the API, the CLI and the node know of Git."""

from collections.abc import Mapping, Sequence

from app.config import Settings
from app.db.flows import FlowStore
from app.db.records import CommitRecord, FlowKey, Pin, Source, StoredFinding, SyncRun
from app.db.sources import SourceStore
from app.errors import NotFound
from app.flows.typenames import Types
from app.ports import Clock, FlowRevision
from app.sync.contents import Contents
from app.sync.differences import unified
from app.sync.files import SourceFiles
from app.sync.follower import Follower
from app.sync.indexing import Indexer
from app.sync.model import Actor, Delivery, FlowWrite
from app.sync.passes import Parts
from app.sync.publishing import Publisher
from app.sync.rollback import Rollback
from app.sync.webhook import Webhook
from app.sync.writes import Writes

SOURCE = "main"
"""The id of the one source that a node has."""


class SyncService:
    """Follows the repository of flows, and writes to it."""

    def __init__(
        self,
        settings: Settings,
        sources: SourceStore,
        flows: FlowStore,
        types: Types,
        clock: Clock,
    ) -> None:
        """Nothing is opened yet."""
        self._sources = sources
        self.flows = flows
        contents = Contents(types, settings.git.max_flow_bytes)
        indexer = Indexer(SOURCE, sources, contents)
        parts = Parts(settings, sources, flows, types, clock, contents, indexer)
        self._parts = parts
        self._follower = Follower(_described(settings), parts)
        publisher = Publisher(parts, self._follower.synced)
        self._writes = Writes(parts, publisher)
        self.files = SourceFiles(parts, publisher)
        self._rollback = Rollback(flows, sources.pins, clock, self._announce)
        self._webhook = Webhook(SOURCE, settings, sources.deliveries, clock, self._delivered)

    async def start(self) -> None:
        """Follow the source; a source of which nothing was ever active is awaited."""
        await self._rollback.end_expired()
        self._follower.timing.hourly("deliveries", self._webhook.forget_old)
        await self._follower.start()

    async def stop(self) -> None:
        """End the loop and the processes that read the repository."""
        await self._follower.stop()

    def _announce(self, pin: Pin) -> None:
        if pin.until_at is not None:
            # Our own clock may be a little behind the one of the machine.
            seconds = (pin.until_at - self._parts.clock.now()) / 1_000_000 + 0.01
            ends = self._rollback.end_expired
            self._follower.timing.after(seconds, f"pin {pin.id}", ends)

    def _delivered(self) -> None:
        self._parts.delivered = True
        self._follower.wake("webhook")

    # -- status ----------------------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """The source of this node, as the last run left it."""
        return self._follower.source

    async def sources(self) -> list[Source]:
        """Return all sources."""
        return await self._sources.all()

    async def runs(self, source_id: str = SOURCE, limit: int = 50) -> list[SyncRun]:
        """Return the newest runs of a source, newest first; raises `NotFound`."""
        return await self._sources.runs(_known(source_id), limit)

    async def run(self, run_id: str) -> SyncRun:
        """Return a run; raises `NotFound`."""
        return await self._sources.run(run_id)

    async def findings(
        self, source_id: str = SOURCE, open_only: bool = True
    ) -> list[StoredFinding]:
        """Return what is wrong in a source's commits, by path and line; raises `NotFound`."""
        return await self._sources.findings(_known(source_id), open_only=open_only)

    async def commits(
        self,
        source_id: str = SOURCE,
        path: str | None = None,
        flow: FlowKey | None = None,
        limit: int = 100,
    ) -> list[CommitRecord]:
        """Return commits, newest first: all, or those that made revisions of a flow or path.

        Raises:
            NotFound: when there is no such source.
        """
        revisions = self._sources.revisions
        return await revisions.commits(_known(source_id), path=path, flow=flow, limit=limit)

    async def diff(self, tenant: str, namespace: str, flow_id: str, old: str, new: str) -> str:
        """Return the unified diff of two revisions, each named by number or commit.

        Raises:
            NotFound: when there is no such revision.
        """
        return await unified(self.flows, (tenant, namespace, flow_id), str(old), str(new))

    # -- verbs -----------------------------------------------------------------------------------

    async def sync(
        self,
        source_id: str = SOURCE,
        cause: str = "manual",
        wait: bool = True,
        timeout: float = 30.0,
    ) -> SyncRun | None:
        """Look at the repository now; return the run, None if it goes on without us.

        Raises:
            NotFound: when there is no such source.
            Unavailable: when the run does not end within `timeout` seconds.
        """
        _known(source_id)
        if wait:
            return await self._follower.synced(cause, timeout)
        self._follower.wake(cause)
        return None

    async def put_flow(
        self,
        tenant: str,
        namespace: str | None,
        flow_id: str | None,
        source: str,
        *,
        actor: Actor,
        message: str | None = None,
        create: bool | None = None,
    ) -> FlowRevision:
        """Commit a flow and activate it; return the revision that runs from now on.

        `create`: True: it must not exist, False: it must, None: either.

        Raises:
            Invalid: with `problems`, when the source is no valid flow, or the flow exists.
            NotFound: when it does not. Conflict: when the source is read-only.
        """
        return await self._writes.put(
            tenant, namespace, flow_id, source, actor=actor, message=message, create=create
        )

    async def put_flows(
        self,
        tenant: str,
        flows: Sequence[FlowWrite | tuple[str, str, str | None]],
        *,
        actor: Actor,
        message: str | None = None,
    ) -> list[FlowRevision | None]:
        """Write and delete several flows in one commit; None stands for a deleted one."""
        wanted = [FlowWrite(*each) for each in flows]
        return await self._writes.put_all(tenant, wanted, actor=actor, message=message)

    async def delete_flow(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        actor: Actor,
        *,
        message: str | None = None,
    ) -> None:
        """Commit the deletion of a flow; raises `NotFound`, `Gone`, `Conflict`."""
        await self._writes.delete(tenant, namespace, flow_id, actor=actor, message=message)

    # -- pins ------------------------------------------------------------------------------------

    async def pin(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
        reason: str,
        actor: Actor,
        until: str = "changed",
    ) -> Pin:
        """Hold a flow at a revision: from the next execution on it runs that, whatever Git says.

        `until`: `changed` (it ends when Git makes the flow another one than now), `manual`, or an
        RFC 3339 time. A pin that held the flow before ends.

        Raises:
            NotFound, Gone: when there is no such flow or revision.
            Conflict: when that revision is invalid, redacted or a deletion.
            BadRequest: when `until`, or which revision is meant, cannot be read.
        """
        return await self._rollback.pin(
            (tenant, namespace, flow_id),
            revision=revision,
            commit=commit,
            reason=reason,
            actor=actor,
            until=until,
        )

    async def unpin(self, tenant: str, namespace: str, flow_id: str, actor: Actor) -> None:
        """End the pin of a flow; raises `NotFound` when there is none."""
        await self._rollback.unpin((tenant, namespace, flow_id), actor)

    async def pins(self, tenant: str | None = None) -> list[Pin]:
        """Return the pins that hold, oldest first."""
        return await self._sources.pins.open(tenant)

    async def rollback(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        to: str | int | None = None,
        reason: str,
        actor: Actor,
        until: str = "changed",
    ) -> Pin:
        """Pin a flow to an earlier revision: by number, by commit, or the valid one before this.

        What is active now is quarantined. Raises as `pin`.
        """
        return await self._rollback.rollback(
            (tenant, namespace, flow_id), to=to, reason=reason, actor=actor, until=until
        )

    # -- webhooks --------------------------------------------------------------------------------

    async def deliver(self, key: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Take a webhook delivery of a forge and return its answer; the sync comes after it.

        Raises:
            NotFound: when there is no webhook `key`. TooLarge: when the body is over the limit.
            Unauthorized: when the signature is missing or wrong. BadRequest: for no delivery.
        """
        return await self._webhook.deliver(key, headers, body)


def _known(source_id: str) -> str:
    if source_id != SOURCE:
        message = f"there is no source {source_id}; this node has one, {SOURCE}"
        raise NotFound(message)
    return source_id


def _described(settings: Settings) -> Source:
    """Return the source that the settings describe."""
    git = settings.git
    return Source(
        id=SOURCE,
        tenant="main",
        url=git.repo or "",
        ref=git.ref,
        root=git.root.strip("/"),
        layout=git.layout,
        edit_mode=git.edit_mode,
        atomic=git.atomic,
    )
