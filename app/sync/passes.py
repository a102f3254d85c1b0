"""What one run of the sync loop works with, and what its phases hand to each other."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.config import SourceSettings
from app.db.flows import FlowStore
from app.db.records import (
    ActiveFlow,
    Condition,
    FlowKey,
    NewRevision,
    Snapshot,
    Source,
    StoredFinding,
)
from app.db.sources import SourceStore
from app.errors import Unavailable
from app.executions import execution_id
from app.flows.typenames import Types
from app.git.survey import Survey
from app.git.tips import TipChange
from app.ports import Clock, Forge
from app.sync.access_file import AccessFiles
from app.sync.contents import Contents
from app.sync.crossing import Crossing
from app.sync.findings import Found
from app.sync.heirs import Heirs
from app.sync.indexing import Indexer
from app.sync.leading import Leader
from app.sync.origin import Home, Origin
from app.sync.ownership import Claims, NamespaceKey, Ownership, Refusal
from app.sync.plan import Plan, Tree
from app.sync.planning.memory import Memory
from app.sync.reporting import Reporter
from app.sync.secret_opening import SecretOpener
from app.sync.tenants import TenantFiles, Tenants
from app.sync.validation import Facts
from app.sync.vault import Vault
from app.sync.verdicts import VerdictCache


class Settled(Exception):
    """The run needs no further phase."""

    def __init__(self, outcome: str, reason: str = "", hold: str = "") -> None:
        """End with an outcome and the reason for it; `hold`: what a HELD commit waits for."""
        super().__init__(outcome)
        self.outcome = outcome
        self.reason = reason
        self.hold = hold


@dataclass(slots=True)
class Parts:
    """What the runs of one source share."""

    spec: SourceSettings
    home: Home
    sources: SourceStore
    flows: FlowStore
    types: Types
    clock: Clock
    contents: Contents
    indexer: Indexer
    reporter: Reporter
    memory: Memory
    """What flow files refer to, by their blobs."""
    claims: Claims = field(default_factory=Claims)
    """Which source each namespace comes from."""
    heirs: Heirs = field(default_factory=Heirs)
    """Which sources look again at what is invalid when another one moves what is above."""
    vault: Vault = field(default_factory=lambda: Vault(None))
    """Where the files are kept that executions used."""
    tenants: Tenants = field(default_factory=Tenants)
    """What is said of tenants, by all sources."""
    tenant_files: TenantFiles = field(default_factory=lambda: TenantFiles(Ownership([])))
    """What the commits of this one say of them."""
    access: AccessFiles = field(default_factory=AccessFiles)
    """What is said of who may do what, if this source may speak of it."""
    opener: SecretOpener | None = None
    """What decrypts secrets; None: they are not looked at."""
    forge: Forge | None = None
    """The repository at its forge, if there is one."""
    leader: Leader | None = None
    """The lease under which a run writes; None: nobody else does."""
    origin: Origin | None = None
    """The repository; opened by the first run that can."""
    opening: asyncio.Task[Origin] | None = None
    """What opens it."""
    done: tuple[str, str] | None = None
    """The ref's object id and the commit that the last run saw through, whatever its outcome."""
    base: str | None = None
    """The commit up to which every namespace is active, or known not to be."""
    held: str | None = None
    """The commit that the gate holds."""
    asked: Callable[[], bool] = lambda: False
    """Whether another run waits for the end of this one."""
    gave_way: int = 0
    """How many runs, the last ones, gave way to the next."""
    damaged: bool = False
    """Whether our copy of the repository is to be fetched anew."""
    mended_at: int | None = None
    """When (µs) it was last."""
    stopped: tuple[str, str] | None = None
    """The ref's object id and the version of the keys, where its signature keeps it out."""
    verdicts: VerdictCache = field(default_factory=VerdictCache)
    """What became of signatures."""
    again: bool = False
    """Whether what was seen through is to be looked at again: a window opened, or a decision."""
    opens_at: int | None = None
    """When (µs) the window opens that keeps something waiting."""
    refused: dict[NamespaceKey, Refusal] | None = None
    """Namespaces of the tip that are not the source's, and why; None before the first run."""
    is_dry: bool = False
    """Whether nothing is to come of a run: it is only asked what would."""
    told: dict[str, Condition] = field(default_factory=dict)
    """What is known besides runs, by its type: how the webhook stands, whether it was renamed."""
    delivered: bool = False
    """Whether webhook deliveries wait for a run."""
    approved: deque[str] = field(default_factory=lambda: deque(maxlen=1_000))
    """Commits that were made here, by an edit."""

    def forget(self) -> None:
        """Drop what is in memory of what was seen through: another node has moved on."""
        self.done = self.base = self.held = self.stopped = None
        self.indexer.forget()

    @property
    def repository(self) -> Origin:
        """The repository; raises `Unavailable` before it was opened."""
        if self.origin is None:
            raise Unavailable("the repository of flows was not opened yet; see the source's status")
        return self.origin


@dataclass(slots=True)
class Pass:
    """The state of one run, filled phase by phase."""

    cause: str
    source: Source
    started_at: int
    id: str = field(default_factory=execution_id)
    again: bool = False
    """Whether it was asked for because of a window or a decision."""
    seen: str = ""
    """The object id that the followed ref has at the remote."""
    tip: str | None = None
    moved: TipChange | None = None
    root_missing: bool = False
    """Whether the tip does not have the folder that the source reads."""
    passed: str | None = None
    """The commit of the same ref that the gate let through last."""
    rewritten: bool = False
    """Whether `passed` is no ancestor of the tip."""
    hold: str = ""
    """Why a part of the commit waits."""
    verified: Condition | None = None
    """What became of its signatures, where these are looked at."""
    signatures: str = ""
    """The version of the keys that they were judged by."""
    revisions: list[NewRevision] = field(default_factory=list)
    open_findings: list[StoredFinding] = field(default_factory=list)
    """What was wrong before this run."""
    survey: Survey = field(default_factory=Survey)
    snapshots: dict[NamespaceKey, Snapshot] = field(default_factory=dict)
    active: dict[FlowKey, ActiveFlow] = field(default_factory=dict)
    changed: list[Tree] = field(default_factory=list)
    """Namespaces whose folder is another one than the active one."""
    found: list[Found] = field(default_factory=list)
    judged_at: int = 0
    """The turn of `heirs` when it was looked at what flows inherit."""
    facts: dict[str, Facts] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    """Paths in changed namespaces that are active as they are and were not read again."""
    crossing: Crossing | None = None
    """What the flows of the tip refer to."""
    crossed: set[FlowKey] = field(default_factory=set)
    """Flows of which it was looked at what they refer to."""
    plan: Plan | None = None
    phases: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What the run's reason tells besides its outcome."""
