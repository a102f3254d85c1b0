"""What the sync service is made of, and which of its parts hear of each other."""

from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from app.config import Settings, SourceSettings
from app.db.audit import AuditStore
from app.db.flows import FlowStore
from app.db.records import Pin
from app.db.sources import SourceStore
from app.flows.typenames import Types
from app.plugins.http import egress_of
from app.ports import Clock, Storage
from app.sync.access_file import AccessFiles
from app.sync.approvals import Approvals
from app.sync.changesets.reverts import Reverts
from app.sync.changesets.service import Changesets
from app.sync.commit_status import CommitStatus
from app.sync.comparing import Comparer
from app.sync.defaults import DefaultsReader
from app.sync.delegating import Delegating
from app.sync.hooks.deliveries import Deliveries
from app.sync.hooks.redelivery import Redelivery
from app.sync.hooks.renaming import Renaming
from app.sync.inbox import Inbox
from app.sync.inherited import Inheritance
from app.sync.large_files import LargeFiles
from app.sync.namespace_settings import NamespaceReader
from app.sync.origin import Home
from app.sync.redaction import Redactions
from app.sync.releases import Releases
from app.sync.releases import Stores as ReleaseStores
from app.sync.reporting import Reporter
from app.sync.reverting import Reverting, Stores
from app.sync.revision_policy import SourcePolicy
from app.sync.rollback import Rollback
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
from app.sync.vault import Vault
from app.sync.webhook import Webhook
from app.sync.worker import ForgeOf, Shared

if TYPE_CHECKING:
    from app.sync.secret_writes import SecretWrites

_HOUR = 3600.0
_LONGEST_WAIT = 30 * 24 * _HOUR


class Composition:
    """The parts of the sync service. Nothing is opened yet."""

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
        """Make the parts; in `storage` the files are kept that executions use."""
        self._settings = settings
        self._sources = sources
        self._clock = clock
        self.flows = flows
        self.reporter = Reporter()
        self._opener = SecretOpener(settings.secrets, lambda: len(self.workers.tenants()))
        self.shared = self._shared(audit, types, forge_of, Vault(storage))
        self.workers = SourceSet(self._described(), self.shared)
        self._stack = AsyncExitStack()
        self.timing = Timing(_HOUR)
        self._read()
        self._follow(types)
        self._edit()
        self._go_back(audit)
        self._take_deliveries(audit)
        self._hear()

    def _described(self) -> dict[str, SourceSettings]:
        return {MAIN: self._settings.git, **self._settings.sources}

    def _shared(self, audit: AuditStore, types: Types, forge_of: ForgeOf, vault: Vault) -> Shared:
        settings = self._settings
        egress = egress_of(settings)
        return Shared(
            opener=self._opener,
            home=Home(
                settings.data_dir / "git",
                settings.server.mode == "dev",
                self._described(),
                egress=egress,
            ),
            sources=self._sources,
            flows=self.flows,
            audit=audit,
            types=types,
            clock=self._clock,
            reporter=self.reporter,
            forge_of=forge_of,
            vault=vault,
            large=LargeFiles(vault, egress),
            tenants=Tenants(self._sources.tenants),
            access=AccessFiles(settings.access.source),
        )

    def _read(self) -> None:
        """What is read out of active commits while executions run."""
        self.files = RoutedFiles(self.workers)
        self.variables = self.files.variables
        self.namespaces = NamespaceReader(self.workers)
        self.policy = SourcePolicy(self.workers, self.namespaces)
        self._inheritance = Inheritance(self.workers)
        self.tenants.defaults = self.flows.defaults = DefaultsReader(
            self._inheritance, self.tenants
        )
        self.secrets = SecretReader(
            self._inheritance,
            self._opener,
            self._settings.secrets.cache_seconds,
            self._pins_secrets,
        )

    def _follow(self, types: Types) -> None:
        """What sources are, how they stand, and who says so."""
        stores = self._sources
        self.source_verbs = SourceVerbs(self.workers)
        self.orphans = self.source_verbs.orphans
        self.delegating = Delegating(self.workers, self.source_verbs)
        self.comparer = Comparer(stores.comparisons, types, self._is_syncing)
        read_by = StatusStores(self.flows, stores, stores.standing, stores.health)
        self.status = Status(read_by, self.workers, self._clock)
        self.reporter.at_once.append(self.status.forget)
        url = self._settings.server.url or ""
        self.statuses = CommitStatus(self.workers, stores, url)
        self.approvals = Approvals(self.workers, stores, self._clock)

    def _edit(self) -> None:
        """What writes to repositories."""
        self.tenant_writes = TenantWrites(self.workers)
        self.changesets = Changesets(self.workers, self.timing)
        self.reverts = Reverts(self.workers)

    def _go_back(self, audit: AuditStore) -> None:
        """What takes flows back to earlier revisions, and makes revisions unreadable."""
        stores, flows, clock = self._sources, self.flows, self._clock
        self.pinning = Rollback(flows, stores.pins, clock, self._announce)
        self.scopes = ScopePins(self.pinning)
        told_by = Stores(flows, stores.pins, stores.health)
        self.reverting = Reverting(self.workers, told_by, self.reverts)
        judged_by = ReleaseStores(stores.watches, stores.health, audit)
        self.releases = Releases(judged_by, self.pinning, self.namespaces, self.workers)
        self.releases.timing = self.timing
        self.redactions = Redactions(self.workers, stores, flows, self.shared.vault, clock)

    def _take_deliveries(self, audit: AuditStore) -> None:
        """What forges tell us, and what they could not deliver."""
        settings, clock, stored = self._settings, self._clock, self._sources.deliveries
        self.inbox = Inbox(stored, clock)
        self.deliveries = Deliveries(stored, self.workers, self.inbox, audit, clock)
        self.redelivery = Redelivery(self.workers, settings.server.url, clock)
        self._renaming = Renaming(self.workers, audit, clock)
        self.webhook = Webhook(self.workers, settings.webhooks, stored, self.inbox, clock)

    def _hear(self) -> None:
        """Let the parts hear of each other; in this order they are told."""
        self.reporter.with_it.append(self.releases.writes)
        self.reporter.heard += [
            self.delegating.heard,
            self.comparer.heard,
            self.changesets.reported,
            self.statuses.heard,
            self.releases.heard,
        ]
        self.inbox.heard += [self.changesets.hinted, self._renaming.hear]

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

    def _announce(self, pin: Pin) -> None:
        if pin.until_at is not None:
            # Our own clock may be a little behind the one of the machine.
            seconds = (pin.until_at - self._clock.now()) / 1_000_000 + 0.01
            # An end that is far away is waited for anew: nobody sleeps for centuries.
            seconds = min(seconds, _LONGEST_WAIT)
            self.timing.after(seconds, f"pin {pin.id}", self.pinning.end_expired)
        if pin.revert:
            self.reverting.errand.wake()
