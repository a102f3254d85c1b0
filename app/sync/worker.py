"""One source at work: its loop, what is written to it, its files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.config import SourceSettings
from app.db.audit import AuditStore
from app.db.flows import FlowStore
from app.db.records import Source
from app.db.sources import SourceStore
from app.flows.typenames import Types
from app.ports import Clock, Forge
from app.sync.contents import Contents
from app.sync.files import SourceFiles
from app.sync.follower import Follower
from app.sync.indexing import Indexer
from app.sync.origin import Home
from app.sync.ownership import Ownership
from app.sync.passes import Parts
from app.sync.publishing import Publisher
from app.sync.reporting import Reporter
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


class SourceWorker:
    """Follows one repository, and writes to it."""

    def __init__(self, source: Source, spec: SourceSettings, shared: Shared) -> None:
        """`source` as `spec` describes it; nothing is opened yet."""
        self.spec = spec
        self.ownership = Ownership.of(spec)
        contents = Contents(shared.types, spec.max_flow_bytes)
        self.parts = Parts(
            spec=spec,
            home=shared.home,
            sources=shared.sources,
            flows=shared.flows,
            types=shared.types,
            clock=shared.clock,
            contents=contents,
            indexer=Indexer(source.id, shared.sources, contents),
            reporter=shared.reporter,
            forge=shared.forge_of(spec),
        )
        self.follower = Follower(source, self.parts)
        self.publisher = Publisher(self.parts, partial(self.follower.synced))
        self.writes = Writes(self.parts, self.publisher)
        self.files = SourceFiles(self.parts, self.publisher)

    @property
    def id(self) -> str:
        """The id of the source."""
        return self.follower.source.id

    @property
    def source(self) -> Source:
        """The source as its last run left it."""
        return self.follower.source

    async def start(self) -> None:
        """Follow the source."""
        await self.follower.start()

    async def stop(self) -> None:
        """End its loop and the processes that read its repository."""
        await self.follower.stop()


def described(source_id: str, spec: SourceSettings) -> Source:
    """Return the source that settings describe."""
    return Source(
        id=source_id,
        tenant=spec.tenant,
        url=spec.repo or "",
        ref=spec.ref,
        root=spec.root.strip("/"),
        layout=spec.layout,
        edit_mode=spec.edits,
        atomic=spec.atomic,
    )
