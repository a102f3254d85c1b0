"""The sync service: what the API, the CLI and the node know of Git."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from app.config import Settings
from app.db.audit import AuditStore
from app.db.changesets import Changeset
from app.db.flows import FlowStore
from app.db.records import CommitRecord, FlowKey, Pin, Source, StoredFinding, SyncRun
from app.db.sources import SourceStore
from app.flows.typenames import Types
from app.git.identity import identify
from app.plugins.http import egress_of
from app.ports import Clock, FlowRevision, Storage
from app.sync.access_file import AccessFiles
from app.sync.approvals import Approvals
from app.sync.changesets.model import Proposed
from app.sync.changesets.reverts import Reverts
from app.sync.changesets.service import Changesets
from app.sync.commit_status import CommitStatus
from app.sync.comparing import Comparer
from app.sync.defaults import DefaultsReader
from app.sync.delegating import Delegating
from app.sync.differences import unified
from app.sync.hooks.deliveries import Deliveries
from app.sync.hooks.redelivery import Redelivery
from app.sync.hooks.renaming import Renaming
from app.sync.inbox import Inbox
from app.sync.inherited import Inheritance
from app.sync.large_files import LargeFiles
from app.sync.model import Actor, Delivery, FlowWrite
from app.sync.namespace_settings import NamespaceReader
from app.sync.origin import Home
from app.sync.redaction import Redactions
from app.sync.releases import Releases
from app.sync.releases import Stores as ReleaseStores
from app.sync.reporting import Reporter
from app.sync.reverting import Reverting, Stores
from app.sync.revision_policy import SourcePolicy
from app.sync.rollback import Order, Rollback
from app.sync.routing import RoutedFiles
from app.sync.scope_pins import ScopePins
from app.sync.secret_opening import SecretOpener
from app.sync.secrets import SecretReader
from app.sync.source_verbs import SourceVerbs
from app.sync.sources import MAIN, SourceSet
from app.sync.status import Status
from app.sync.status import Stores as StatusStores
from app.sync.tenant_writes import TenantWrites
from app.sync.tenants import Tenants
from app.sync.timing import Timing
from app.sync.trying import Trial, try_sync
from app.sync.vault import Vault
from app.sync.webhook import Webhook
from app.sync.worker import ForgeOf, Shared, SourceWorker

if TYPE_CHECKING:
    from app.sync.secret_writes import SecretWrites

_HOUR = 3600.0
_LONGEST_WAIT = 30 * 24 * _HOUR
_AFTER_START = 60.0
"""Seconds until a forge is asked what it could not deliver, or renamed, while we were down."""


class SyncService:
    """Follows the repositories of flows, and writes to them."""

    def __init__(
        self,
        settings: Settings,
        sources: SourceStore,
        flows: FlowStore,
        audit: AuditStore,
        types: Types,
        clock: Clock,
        forge_of: ForgeOf = lambda _: None,
        storage: Storage | None = None,
    ) -> None:
        """Nothing is opened yet; in `storage` the files are kept that executions use."""
        self._sources = sources
        self._clock = clock
        self.flows = flows
        self.reporter = Reporter()
        vault = Vault(storage)
        egress = egress_of(settings)
        opener = SecretOpener(settings.secrets, lambda: len(self.shared.claims.tenants()))
        self.shared = Shared(
            opener=opener,
            home=Home(
                settings.data_dir / "git",
                settings.server.mode == "dev",
                {MAIN: settings.git, **settings.sources},
                egress=egress,
            ),
            sources=sources,
            flows=flows,
            audit=audit,
            types=types,
            clock=clock,
            reporter=self.reporter,
            forge_of=forge_of,
            vault=vault,
            large=LargeFiles(vault, egress),
            tenants=Tenants(sources.tenants),
            access=AccessFiles(settings.access.source),
        )
        self.workers = SourceSet({MAIN: settings.git, **settings.sources}, self.shared)
        self.source_verbs = SourceVerbs(self.workers)
        self.orphans = self.source_verbs.orphans
        self.delegating = Delegating(self.workers, self.source_verbs)
        self.reporter.heard.append(self.delegating.heard)
        self.comparer = Comparer(sources.comparisons, types, self._is_syncing)
        self.reporter.heard.append(self.comparer.heard)
        self.files = RoutedFiles(self.workers)
        self.tenant_writes = TenantWrites(self.workers)
        self.inbox = Inbox(sources.deliveries, clock)
        self.timing = Timing(_HOUR)
        self.changesets = Changesets(self.workers, self.timing)
        self.reverts = Reverts(self.workers)
        self.reporter.heard.append(self.changesets.reported)
        self.inbox.heard.append(self.changesets.hinted)
        self._stack = AsyncExitStack()
        self.pinning = Rollback(flows, sources.pins, clock, self._announce)
        self.scopes = ScopePins(self.pinning)
        self.namespaces = NamespaceReader(self.workers)
        inheritance = Inheritance(self.workers)
        self.variables = self.files.variables
        self.tenants.defaults = flows.defaults = DefaultsReader(inheritance, self.tenants)
        self.secrets = SecretReader(
            inheritance, opener, settings.secrets.cache_seconds, self._pins_secrets
        )
        self._inheritance = inheritance
        self.policy = SourcePolicy(self.workers, self.namespaces)
        told_by = Stores(flows, sources.pins, sources.health)
        self.reverting = Reverting(self.workers, told_by, self.reverts)
        self.status = Status(
            StatusStores(flows, sources, sources.standing, sources.health), self.workers, clock
        )
        self.statuses = CommitStatus(self.workers, sources, settings.server.url or "")
        judged_by = ReleaseStores(sources.watches, sources.health, audit)
        self.releases = Releases(judged_by, self.pinning, self.namespaces, self.workers)
        self.releases.timing = self.timing
        self.reporter.heard += [self.statuses.heard, self.releases.heard]
        self.approvals = Approvals(self.workers, sources, clock)
        self.redactions = Redactions(self.workers, sources, flows, self.shared.vault, clock)
        self.deliveries = Deliveries(sources.deliveries, self.workers, self.inbox, audit, clock)
        self.redelivery = Redelivery(self.workers, settings.server.url, clock)
        self._renaming = Renaming(self.workers, audit, clock)
        self.inbox.heard.append(self._renaming.hear)
        self.webhook = Webhook(
            self.workers, settings.webhooks, sources.deliveries, self.inbox, clock
        )

    async def _pins_secrets(self, tenant: str, namespace: str) -> bool:
        """Whether executions of a namespace read the secrets of their commit."""
        said = (await self.namespaces.of(tenant, namespace)).secrets
        return (said or self.tenants.of(tenant).secrets) == "pinned"

    @property
    def tenants(self) -> Tenants:
        """What is said of tenants."""
        return self.shared.tenants

    def _is_syncing(self) -> bool:
        return any(worker.follower.is_busy for worker in self.workers)

    @cached_property
    def secret_writes(self) -> "SecretWrites":
        """What changes secrets; the cipher libraries are loaded with it."""
        from app.sync.secret_writes import SecretWrites  # noqa: PLC0415 - see above

        return SecretWrites(self.workers, self._inheritance, self.secrets.identities, self._clock)

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

    def _announce(self, pin: Pin) -> None:
        if pin.until_at is not None:
            # Our own clock may be a little behind the one of the machine.
            seconds = (pin.until_at - self._clock.now()) / 1_000_000 + 0.01
            # An end that is far away is waited for anew: nobody sleeps for centuries.
            seconds = min(seconds, _LONGEST_WAIT)
            self.timing.after(seconds, f"pin {pin.id}", self.pinning.end_expired)
        if pin.revert:
            self.reverting.errand.wake()

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
