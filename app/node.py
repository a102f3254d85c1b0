"""The composition root: settings become adapters, adapters become a running node.

The choice between SQLite and PostgreSQL, between one repository and another, is made here and
nowhere else.
"""

import gc
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from tzlocal import get_localzone

from app.config import Settings
from app.db.access import AccessStore
from app.db.audit import AuditStore
from app.db.audit_chain import Key
from app.db.audit_ledger import Ledger, Upkeep
from app.db.audit_secrets import SecretUses
from app.db.commits import CommitStore
from app.db.database import Database
from app.db.executions import SqlExecutions
from app.db.flows import FlowStore
from app.db.impact import ImpactStore
from app.db.journal import SqlJournal
from app.db.key_values import SqlKeyValues, forget_expired
from app.db.logs import SqlLogs
from app.db.metrics import SqlMetrics
from app.db.nodes import next_epoch
from app.db.outcomes import OutcomeStore
from app.db.overlays import OverlayStore
from app.db.pulls import PullStore
from app.db.purge import SqlArchive
from app.db.retention import forget_claims
from app.db.slots import SqlSlots
from app.db.sources import SourceStore
from app.db.sqlite import make_folder
from app.db.statistics import Statistics
from app.db.suite_runs import SuiteRuns
from app.db.task_cache import SqlTaskCache, forget_outdated
from app.db.triggers import TriggerStore
from app.db.windows import WindowStore
from app.engine import directories
from app.engine.actions import Actions
from app.engine.clock import SystemClock
from app.engine.commands import Commands
from app.engine.deletion import Deletion
from app.engine.evaluation import Evaluations
from app.engine.executor import Executor
from app.engine.flow_tests import SuiteRunner
from app.engine.host import environment_for
from app.engine.later import Later
from app.engine.limits import limits_of
from app.engine.logs import LogSink
from app.engine.parts import Parts
from app.engine.preview import Previews
from app.engine.surroundings import global_variables
from app.engine.suspects import Suspects
from app.engine.worker import Worker
from app.flows.encryption import Cipher
from app.forges import Forges
from app.plugins.http import egress_of, http_client
from app.plugins.registry import Registry
from app.ports import HttpClient
from app.runners.choice import NodeRunners
from app.runners.jq import JqChildren
from app.storage import LocalStorage
from app.storage.key_file import cipher_of, key_of
from app.sync.changesets.planned import plans_of
from app.sync.overlays import Overlays, Stored
from app.sync.planning.planner import Planner
from app.sync.review.facts import NodeFacts
from app.sync.review.service import Reviews
from app.sync.service import SyncService
from app.sync.tenant_egress import narrowing_of
from app.sync.tenant_programs import TenantPrograms
from app.sync.tenant_rules import NodeRules
from app.sync.tenants import Tenants
from app.sync.testing.service import SuiteService
from app.sync.tracing.service import Tracing
from app.triggers.alarm import ScheduledAlarm
from app.triggers.parts import TriggerParts
from app.triggers.service import Triggers
from app.triggers.verbs import TriggerVerbs
from app.triggers.webhooks import Webhooks

_MICROSECOND = timedelta(microseconds=1)


class Node:
    """Everything that runs in this process. Parts are public: the API calls them directly."""

    def __init__(self, settings: Settings) -> None:
        """Choose the adapters; nothing is opened yet."""
        self.settings = settings
        self.clock = SystemClock()
        self.registry = Registry.load()
        url = settings.database.url
        self.database = Database.at(
            url.get_secret_value() if url else None, settings.data_dir, settings.database
        )
        self.scheduler = AsyncIOScheduler(timezone=UTC)
        self.storage = LocalStorage(settings.data_dir / "storage")
        self.flows = FlowStore(self.database, self.registry)
        self.sources = SourceStore(self.database)
        self.audit = AuditStore(self.database)
        self.ledger: Ledger
        self.access = AccessStore(self.database)
        self.egress = egress_of(settings)
        self.forges = Forges(self.clock, self.egress)
        self.logs = SqlLogs(self.database)
        self.statistics = Statistics(self.database)
        self.metrics = SqlMetrics(self.database)
        self.key_values = SqlKeyValues(self.database, self.clock)
        self.http: HttpClient
        self.rules: NodeRules
        self.own_http: HttpClient
        self.cipher: Cipher
        self.jq: JqChildren
        self.flow_tests: SuiteRunner
        self.suites: SuiteService
        self.tracing: Tracing
        self.journal: SqlJournal
        self.executions: SqlExecutions
        self.sink: LogSink
        self.executor: Executor
        self.commands: Commands
        self.evaluations: Evaluations
        self.trigger_states = TriggerStore(self.database)
        self.triggers: Triggers
        self.trigger_verbs: TriggerVerbs
        self.overlays: Overlays
        self.webhooks: Webhooks
        self.sync: SyncService
        self.reviews: Reviews
        self.suspects: Suspects
        self.ready = False

    async def start(self) -> None:
        """Open the database, take up what was interrupted, begin to follow the repository."""
        make_folder(self.settings.data_dir)
        await self.database.open()
        self.ledger = ledger_of(self.settings, self.database, self.clock)
        await self.ledger.start()
        self.suspects = Suspects(self.settings.data_dir)
        epoch = await next_epoch(
            self.database, now=self.clock.now(), pid=os.getpid(), host=socket.gethostname()
        )
        await self.flows.open()
        self._assemble(epoch)
        await self.sync.workers.load()
        await self.executor.start()
        await self.sync.shared.access.start()
        await self.sync.start()
        await self.reviews.start()
        self.scheduler.add_job(self.forget, "interval", hours=1)
        self.scheduler.add_job(self.tidy, "interval", minutes=5, next_run_time=datetime.now(UTC))
        self.scheduler.start()
        await self.triggers.start()
        await self.overlays.start()
        settle_memory()
        self.ready = True

    def _assemble(self, epoch: int) -> None:
        self.http = http_client(self.settings.http, self.egress)
        self.own_http = http_client(self.settings.http, self.egress.trusted())
        self.cipher = cipher_of(self.settings)
        self.jq = JqChildren()
        self.flow_tests = SuiteRunner(self.registry, self.jq, self.settings.expressions)
        self.journal = SqlJournal(self.database, epoch)
        self.executions = SqlExecutions(self.database, self.journal)
        self.sink = LogSink(self.journal)
        self._follow()
        self._review()
        self.rules = NodeRules(self.tenants, self.sync.namespaces, self.settings)
        self._execute(epoch)

    def _follow(self) -> None:
        """Make what follows repositories, and what reads out of them."""
        self.sync = SyncService(
            self.settings,
            self.sources,
            self.flows,
            self.audit,
            self.registry,
            self.clock,
            self.forges.of,
            self.storage,
        )
        self.egress.narrowing = narrowing_of(self.tenants.of)
        self.suites = SuiteService(
            self.sync.workers, self.sync.files, self.flows, SuiteRuns(self.database),
            self.flow_tests, self.clock,
        )  # fmt: skip
        self.tracing = Tracing(
            self.flows, self.sync.files, CommitStore(self.database), OutcomeStore(self.database),
            self.flow_tests, self.executions.get,
        )  # fmt: skip
        self.sync.webhook.claims_of = self.forges.claims
        self.sync.shared.access.listen(self.access.documents, self.access.changed)

    def _execute(self, epoch: int) -> None:
        """Make what drives executions, and what starts them."""
        actions = Actions(
            archive=SqlArchive(self.database),
            logs=self.logs,
            storage=self.storage,
            flows=self.flows,
            triggers=Later("triggers"),
            sink=self.sink,
            tenants=self.rules,
        )
        parts = self._parts(epoch, actions)
        environment = environment_for(self.settings.expressions, parts)
        self.executor = Executor(parts, Worker(parts), environment, self.suspects)
        self.commands = Commands(
            self.executor,
            self.flows,
            self.executions,
            self.clock,
            parts.limits,
            self.sync.policy,
        )
        self.evaluations = Evaluations(self.executor, environment)
        self._trigger(Previews(self.executor, environment, self.clock), parts)
        stored = Stored(OverlayStore(self.database), self.flows)
        self.overlays = Overlays(stored, self.clock, self.sync.timing, self.trigger_verbs)
        actions.triggers = self.overlays
        actions.commands, actions.executor = self.commands, self.executor
        self.commands.deletion = Deletion(actions.archive, self.storage, self.executor.finished)

    def _parts(self, epoch: int, actions: Actions) -> Parts:
        programs = TenantPrograms(
            self.tenants.of,
            self.tenants.names,
            is_allowed=self.settings.runners.process_for_tenants,
        )
        return Parts(
            journal=self.journal,
            executions=self.executions,
            flows=self.flows,
            slots=SqlSlots(self.database),
            storage=self.storage,
            http=self.http,
            clock=self.clock,
            sink=self.sink,
            fence=epoch,
            limits=limits_of(self.settings),
            tenants=self.rules,
            kv=self.key_values,
            files=self.sync.files,
            runners=NodeRunners(self.settings.runners, programs),
            jq=self.jq,
            logs=self.logs,
            cache=SqlTaskCache(self.database),
            actions=actions,
            types=self.registry,
            work=self.settings.data_dir / "work",
            cipher=self.cipher,
            secrets=self.sync.secrets,
            secret_used=SecretUses(self.database, self.clock).note,
            variables=self.sync.variables,
            globals=global_variables(self.settings),
        )

    def _review(self) -> None:
        pulls = PullStore(self.database)
        pulls.heard.append(self.sync.changesets.reviewed)
        self.reviews = Reviews(
            self.sync,
            pulls,
            tests=self.flow_tests,
            impact=ImpactStore(self.database),
            zone=get_localzone(),
            url=self.settings.server.url or "",
        )
        self.reviews.listen(self.sync.inbox, self.sync.reporter)
        self.plans = Planner(
            self.sync.workers,
            self.registry,
            self.clock,
            zone=get_localzone(),
            tell=NodeFacts(ImpactStore(self.database), self.clock),
        )
        self.sync.shared.telling.plan = plans_of(self.plans)

    def _trigger(self, previews: Previews, engine: Parts) -> None:
        parts = TriggerParts(
            database=self.database,
            flows=self.flows,
            store=self.trigger_states,
            windows=WindowStore(self.database),
            outbox=self.journal.outbox,
            commands=self.commands,
            executor=self.executor,
            executions=self.executions,
            previews=previews,
            sink=self.sink,
            http=self.http,
            clock=self.clock,
            zone=get_localzone(),
            settings=self.settings.triggers,
            cipher=engine.cipher,
            tenants=engine.tenants,
        )
        alarm = ScheduledAlarm(self.scheduler)
        self.triggers = Triggers(parts, alarm)
        alarm.ring = self.triggers.wake
        self.trigger_verbs = TriggerVerbs(parts, self.triggers)
        reconciler = self.triggers.reconciler
        self.webhooks = Webhooks(parts, reconciler, self.settings.webhooks.wrong_keys)

    @property
    def tenants(self) -> Tenants:
        """What is said of tenants; there from the start of the node on."""
        return self.sync.tenants

    async def stop(self) -> None:
        """Stop taking work, let tasks finish for a while, close (contract D10)."""
        if self.ready:
            await self.triggers.stop()
            self.scheduler.shutdown(wait=False)
        self.ready = False
        if hasattr(self, "sync"):
            await self.reviews.stop()
            await self.sync.stop()
        if hasattr(self, "executor"):
            await self.executor.stop(self.settings.engine.drain_seconds)
            await self.http.close()
            await self.own_http.close()
            await self.forges.close()
            await self.jq.close()
            self.suspects.close()
        if hasattr(self, "ledger"):
            await self.ledger.stop()
        await self.database.close()

    async def tidy(self) -> None:
        """Remove the working directories of executions that are over."""

        async def alive(ids: Sequence[str]) -> set[str]:
            held = {each for each in ids if self.executor.known(each)}
            return held | await self.executions.open_among(ids)

        await directories.sweep(self.settings.data_dir / "work", alive)

    async def forget(self) -> None:
        """Delete what has expired: idempotency keys, key-value pairs, outputs for reuse."""
        now = self.clock.now()
        kept = timedelta(hours=self.settings.engine.idempotency_hours)
        await forget_claims(self.database, now - kept // _MICROSECOND)
        await forget_expired(self.database, now)
        await forget_outdated(self.database, now)
        await self.access.forget(now, self.settings.access)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Node]:
    """Run a node for the length of a `with` block."""
    node = Node(settings)
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


def ledger_of(settings: Settings, database: Database, clock: SystemClock) -> Ledger:
    """Return what looks after the audit log: it keeps a folder and a key of its own."""
    key = settings.audit.key
    secret = key.get_secret_value() if key else key_of(settings.data_dir / "audit.key")
    storage = LocalStorage(settings.data_dir / "audit")
    return Ledger(database, storage, Key(secret.encode()), clock, Upkeep.of(settings.audit))


def settle_memory() -> None:
    """Spare the collector what lives for ever, and let it run less often.

    A full collection walks every execution in memory and stops all of them: 60–100 ms with a few
    thousand. Frozen start-up objects and larger generations make them rare. Only what is young is
    looked through before: the first start leaves next to no old garbage, and it would take 0.1 s to
    see that.
    """
    if not gc.get_freeze_count():
        gc.collect(0)
        gc.freeze()
    gc.set_threshold(50_000, 20, 100)
