"""The sync service: what the API, the CLI and the node know of Git."""

import asyncio
from collections.abc import Mapping, Sequence

from app.db.changesets import Changeset
from app.db.records import CommitRecord, FlowKey, Pin, Source, StoredFinding, SyncRun
from app.git.identity import identify
from app.ports import FlowRevision
from app.sync.changesets.model import Proposed
from app.sync.composition import Composition
from app.sync.differences import unified
from app.sync.model import Actor, Delivery, FlowWrite
from app.sync.rollback import Order
from app.sync.sources import MAIN
from app.sync.trying import Trial, try_sync
from app.sync.worker import SourceWorker

_AFTER_START = 60.0
"""Seconds until a forge is asked what it could not deliver, or renamed, while we were down."""


class SyncService(Composition):
    """Follows the repositories of flows, and writes to them."""

    async def start(self) -> None:
        """Follow all sources; one of which nothing was ever active is awaited."""
        self.timing.start()
        await self.pinning.end_expired()
        self.timing.hourly("deliveries", self.webhook.forget_old)
        self.timing.hourly("redelivery", self.redelivery.run)
        self.timing.after(_AFTER_START, "redelivery after the start", self.redelivery.run)
        self.timing.hourly("names", self._renaming.run)
        self.timing.after(_AFTER_START, "names after the start", self._renaming.run)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        await self.reporter.start(group)
        await self.comparer.start(group)
        self.shared.vault.start(group)
        await self.workers.start()
        await self.orphans.tell()
        await self.delegating.tidy()
        await self.delegating.catch_up()
        await self.changesets.start()
        await self.inbox.start(group)
        await self.statuses.catch_up()
        for each in (self.reverting, self.statuses, self.releases):
            each.errand.start(group)

    async def stop(self) -> None:
        """End the loops and the processes that read the repositories."""
        self.timing.stop()
        self.inbox.stop()
        for each in (self.reverting, self.statuses, self.releases):
            each.errand.stop()
        await self.workers.stop()
        self.reporter.stop()
        self.comparer.stop()
        self.shared.vault.stop()
        await self._stack.aclose()
        await self.shared.large.close()

    # -- status ----------------------------------------------------------------------------------

    @property
    def main(self) -> SourceWorker:
        """The source that the section `git` of the settings describes."""
        return self.workers.get(MAIN)

    async def sources(self) -> list[Source]:
        """Return all sources that are followed, then those that nobody describes any more."""
        followed = [each for each in await self._sources.all() if each.id in self.workers]
        return followed + await self.orphans.all()

    async def source(self, source_id: str) -> Source:
        """Return a source; raises `NotFound`."""
        return await self.orphans.known(source_id)

    async def runs(self, source_id: str = MAIN, limit: int = 50) -> list[SyncRun]:
        """Return the newest runs of a source, newest first; raises `NotFound`."""
        return await self._sources.runs((await self.orphans.known(source_id)).id, limit)

    async def run(self, run_id: str) -> SyncRun:
        """Return a run; raises `NotFound`."""
        return await self._sources.run(run_id)

    async def findings(self, source_id: str = MAIN, open_only: bool = True) -> list[StoredFinding]:
        """Return what is wrong in a source's commits, by path and line; raises `NotFound`."""
        known = await self.orphans.known(source_id)
        return await self._sources.findings(known.id, open_only=open_only)

    async def commits(
        self,
        source_id: str = MAIN,
        path: str | None = None,
        flow: FlowKey | None = None,
        limit: int = 100,
    ) -> list[CommitRecord]:
        """Return commits, newest first: all, or those that made revisions of a flow or path.

        Raises:
            NotFound: when there is no such source.
        """
        revisions = self._sources.revisions
        known = await self.orphans.known(source_id)
        return await revisions.commits(known.id, path=path, flow=flow, limit=limit)

    async def diff(self, tenant: str, namespace: str, flow_id: str, old: str, new: str) -> str:
        """Return the unified diff of two revisions, each named by number or commit.

        Raises:
            NotFound: when there is no such revision.
        """
        return await unified(self.flows, (tenant, namespace, flow_id), str(old), str(new))

    # -- verbs -----------------------------------------------------------------------------------

    async def sync(
        self,
        source_id: str = MAIN,
        cause: str = "manual",
        wait: bool = True,
        timeout: float = 30.0,
    ) -> SyncRun | None:
        """Look at the repository now; return the run, None if it goes on without us.

        Raises:
            NotFound: when there is no such source.
            Unavailable: when the run does not end within `timeout` seconds.
        """
        follower = self.workers.get(source_id).follower
        if wait:
            return await follower.synced(cause, timeout)
        follower.wake(cause)
        return None

    async def try_sync(self, source_id: str = MAIN) -> Trial:
        """Return what a sync would do; nothing is stored or activated.

        Raises:
            NotFound: when there is no such source. HeadwaterError: what a sync would fail by.
        """
        worker = self.workers.get(source_id)
        return await try_sync(worker.parts, await self._sources.get(worker.id))

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
            Proposed: when the source takes changes by pull request only: it is open now.
        """
        worker = await self._target(tenant, namespace, source)
        return await worker.writes.put(
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
        """Write and delete several flows, in one commit a source; None stands for a deleted one."""
        wanted = [FlowWrite(*each) for each in flows]
        targets = [await self._target(tenant, each.namespace, each.source) for each in wanted]
        made: dict[int, FlowRevision | None] = {}
        proposed: list[Changeset] = []
        for worker in dict.fromkeys(targets):
            places = [place for place, each in enumerate(targets) if each is worker]
            some = [wanted[place] for place in places]
            try:
                done = await worker.writes.put_all(tenant, some, actor=actor, message=message)
            except Proposed as waiting:
                proposed += waiting.changesets
            else:
                made |= zip(places, done, strict=True)
        if proposed:
            raise Proposed(proposed)
        return [made[place] for place in range(len(wanted))]

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
        writes = (await self.workers.owner(tenant, namespace)).writes
        await writes.delete(tenant, namespace, flow_id, actor=actor, message=message)

    async def _target(self, tenant: str, namespace: str | None, source: str | None) -> SourceWorker:
        """Return where a flow is written: by its namespace, else the one that its text names."""
        found = identify(source.encode()) if source is not None and namespace is None else None
        return await self.workers.owner(tenant, namespace or (found and found.namespace) or "")

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
            ConfirmationNeeded: when its triggers, inputs or secrets do not fit the present.
            BadRequest: when `until`, or which revision is meant, cannot be read.
        """
        order = Order(actor, reason, until)
        key = (tenant, namespace, flow_id)
        return await self.pinning.pin(key, order, revision=revision, commit=commit)

    async def unpin(
        self, tenant: str, namespace: str, flow_id: str, actor: Actor, reason: str = ""
    ) -> None:
        """End the pin of a flow; raises `NotFound` when there is none."""
        await self.pinning.unpin((tenant, namespace, flow_id), actor, reason)
        await self.statuses.catch_up()  # a commit that was told to be rolled back is not any more
        self.statuses.errand.wake()

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

        What is active now is quarantined. Git follows, where a pull request can be opened: it takes
        the flow back there, too, and the pin ends when that is merged. Raises as `pin`.
        """
        order = Order(actor, reason, until, action="flow.rollback", revert=True)
        return await self.pinning.rollback((tenant, namespace, flow_id), order, to=to)

    # -- webhooks --------------------------------------------------------------------------------

    async def deliver(
        self, key: str, headers: Mapping[str, str], body: bytes, address: str | None = None
    ) -> Delivery:
        """Take a webhook delivery of a forge and return its answer; the sync comes after it.

        `address` is where the connection comes from; None: from within, any is good.

        Raises:
            NotFound: when there is no webhook `key`. TooLarge: when the body is over the limit.
            Unauthorized: when the signature is missing or wrong. BadRequest: for no delivery.
            Forbidden: when deliveries are not taken from there.
        """
        return await self.webhook.deliver(key, headers, body, address)
