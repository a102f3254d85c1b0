"""One source at work: its loop, what is written to it, its files."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from app.config import SourceSettings
from app.db.audit import AuditStore
from app.db.flows import FlowStore
from app.db.records import Source
from app.db.sources import SourceStore
from app.errors import BadRequest
from app.flows.typenames import Types
from app.ports import Clock, Forge
from app.sync.access_file import AccessFiles
from app.sync.changesets.following import Progress
from app.sync.changesets.proposing import Proposer
from app.sync.changesets.pushing import Pusher
from app.sync.changesets.telling import Telling
from app.sync.contents import Contents
from app.sync.files import SourceFiles
from app.sync.follower import Follower
from app.sync.heirs import Heirs
from app.sync.indexing import Indexer
from app.sync.large_files import LargeFiles
from app.sync.origin import Home
from app.sync.ownership import Claims, Ownership
from app.sync.passes import Parts
from app.sync.planning.memory import Memory
from app.sync.publishing import Publisher
from app.sync.reporting import Reporter
from app.sync.secret_opening import SecretOpener
from app.sync.specs import public_spec, with_credentials
from app.sync.tenants import TenantFiles, Tenants
from app.sync.vault import Vault
from app.sync.writes import Writes

ForgeOf = Callable[[SourceSettings], Forge | None]
"""Makes what speaks to a source's forge."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sources of a node have in common."""

    home: Home
    sources: SourceStore
    flows: FlowStore
    audit: AuditStore
    types: Types
    clock: Clock
    reporter: Reporter
    forge_of: ForgeOf
    claims: Claims = field(default_factory=Claims)
    heirs: Heirs = field(default_factory=Heirs)
    vault: Vault = field(default_factory=lambda: Vault(None))
    opener: SecretOpener | None = None
    """What decrypts secrets; None: nothing does."""
    large: LargeFiles = field(default_factory=lambda: LargeFiles(Vault(None)))
    telling: Telling = field(default_factory=Telling)
    tenants: Tenants = field(default_factory=Tenants)
    access: AccessFiles = field(default_factory=AccessFiles)


class SourceWorker:
    """Follows one repository, and writes to it."""

    def __init__(
        self,
        source: Source,
        spec: SourceSettings,
        shared: Shared,
        ownership: Ownership | None = None,
    ) -> None:
        """`source` as `spec` describes it; nothing is opened yet."""
        self.spec = spec
        self.ownership = ownership or Ownership.of(spec)
        contents = Contents(shared.types, spec.max_flow_bytes)
        self.parts = Parts(
            spec=spec,
            home=replace(shared.home, is_foreign=source.origin != "config"),
            sources=shared.sources,
            flows=shared.flows,
            types=shared.types,
            clock=shared.clock,
            contents=contents,
            indexer=Indexer(source.id, shared.sources, contents),
            reporter=shared.reporter,
            memory=Memory(shared.types),
            claims=shared.claims,
            heirs=shared.heirs,
            vault=shared.vault,
            opener=shared.opener,
            tenants=shared.tenants,
            tenant_files=TenantFiles(self.ownership),
            access=shared.access,
            forge=shared.forge_of(_lent(spec, shared.home)),
        )
        self.follower = Follower(source, self.parts)
        self.publisher = Publisher(self.parts, partial(self.follower.synced))
        self.proposer = Proposer(self.parts, self.publisher, shared.audit, shared.telling)
        self.publisher.proposes = self.proposer.propose
        self.progress = Progress(self.parts, self.publisher, self.proposer)
        self.pusher = Pusher(self.parts, self.publisher, self.proposer, self.progress)
        self.writes = Writes(self.parts, self.publisher)
        self.files = SourceFiles(self.parts, self.publisher, shared.large)

    @property
    def id(self) -> str:
        """The id of the source."""
        return self.follower.source.id

    @property
    def source(self) -> Source:
        """The source as its last run left it."""
        return self.follower.source

    async def start(self, *, wait: bool = True) -> None:
        """Follow the source; `wait` for the first sync of a new one."""
        await self.follower.start(wait=wait)

    async def stop(self) -> None:
        """End its loop and the processes that read its repository."""
        await self.follower.stop()


def _lent(spec: SourceSettings, home: Home) -> SourceSettings:
    """Return settings with the credentials that they name; every run tells if they cannot be."""
    try:
        return with_credentials(spec, home.configured)
    except BadRequest:
        return spec


def described(
    source_id: str, spec: SourceSettings, origin: str = "config", parent: str | None = None
) -> Source:
    """Return the source that settings describe; `origin`: config | api | repository."""
    return Source(
        id=source_id,
        tenant=spec.tenant,
        url=spec.repo or "",
        ref=spec.ref,
        root=spec.root.strip("/"),
        layout=spec.layout,
        edit_mode=spec.edits,
        atomic=spec.atomic,
        spec=public_spec(spec),
        origin=origin,
        parent=parent,
    )
