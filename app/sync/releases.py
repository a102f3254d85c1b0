"""Releases: a flow that a commit changed is watched for a while, and rolled back if it fails.

Opt-in: by `release:` of a `namespace.yaml`, or by the settings of the source. The database keeps
what is watched: it is written with what becomes active, so a restart forgets nothing, and of
several nodes one acts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from app.db.activation import Activation
from app.db.audit import AuditEntry, AuditStore
from app.db.health import HealthStore
from app.db.records import ActiveFlow, FlowKey
from app.db.sql import Write
from app.db.watches import Watch, WatchStore, watch_writes
from app.errors import HeadwaterError
from app.executions import execution_id
from app.ports import Check, Clock
from app.sync.errands import Errand
from app.sync.model import Actor
from app.sync.namespace_file import Release
from app.sync.namespace_settings import NamespaceReader
from app.sync.reporting import Report
from app.sync.rollback import Order, Rollback
from app.sync.sources import SourceSet
from app.sync.standing import rate
from app.sync.timing import Timing
from app.sync.worker import SourceWorker
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_LOOK = 5.0
"""Seconds between two looks at the releases that are watched."""
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_TITLE = 140
"""Characters that GitHub shows of a commit status."""
_US = Actor("headwater")


class Stores(NamedTuple):
    """What releases are kept and judged by."""

    watches: WatchStore
    health: HealthStore
    audit: AuditStore


class Releases:
    """Watches releases."""

    def __init__(
        self, stores: Stores, rollback: Rollback, namespaces: NamespaceReader, workers: SourceSet
    ) -> None:
        """Judge by `stores`, pin by `rollback`."""
        self._stores = stores
        self._rollback = rollback
        self._namespaces = namespaces
        self._workers = workers
        self._clock: Clock = rollback.clock
        self.errand = Errand("releases", self.judge)
        self._judging = asyncio.Lock()
        self.timing: Timing | None = None
        """Rings for the next look; without it nobody looks by himself."""

    async def heard(self, report: Report) -> None:
        """Look soon at what a run changed (a listener of reports)."""
        if report.activated:
            self.errand.wake()

    async def writes(
        self, new: Activation, before: Mapping[FlowKey, ActiveFlow]
    ) -> Sequence[Write]:
        """Return what watches the flows that an activation changes, in its own transaction."""
        if new.source_id not in self._workers:
            return ()
        changed = [
            each
            for each in new.flows
            if (old := before.get(each.key)) is None or old.blob != each.blob
        ]
        now = self._clock.now()
        watches = await self._watches(new, changed, before, now)
        return watch_writes(watches, [each.key for each in changed], now)

    async def _watches(
        self,
        activation: Activation,
        changed: Sequence[ActiveFlow],
        before: Mapping[FlowKey, ActiveFlow],
        now: int,
    ) -> list[Watch]:
        """Return the releases to watch; rules are read for those only that can go back."""
        commits = {each[:2]: each.commit for each in (*activation.moved, *activation.stayed)}
        pairs = [
            (new, old)
            for new in changed
            if not new.deleted and (old := before.get(new.key)) is not None and not old.deleted
        ]
        worker = self._workers.get(activation.source_id)
        rules = {
            place: await self._rule(worker, commits.get(place) or new.snapshot, *place)
            for place, new in {new.key[:2]: new for new, _ in pairs}.items()
        }
        return [
            self._watch(rule, new, old, now)
            for new, old in pairs
            if (rule := rules[new.key[:2]]) is not None
        ]

    @staticmethod
    def _watch(rule: Release, new: ActiveFlow, old: ActiveFlow, now: int) -> Watch:
        return Watch(
            execution_id(),
            new.key,
            new.revision,
            old.revision,
            rule.min_executions,
            rule.max_failure_rate,
            rule.action,
            now,
            now + rule.watch // _MICROSECOND,
        )

    async def _rule(
        self, worker: SourceWorker, commit: str, tenant: str, namespace: str
    ) -> Release | None:
        own = (await self._namespaces.at(worker, commit, tenant, namespace)).release
        spec = worker.spec
        if own is not None or not spec.release_watch_minutes:
            return own
        return Release.model_construct(
            watch=timedelta(minutes=spec.release_watch_minutes),
            min_executions=spec.release_min_executions,
            max_failure_rate=spec.release_max_failure_rate,
            action=spec.release_action,
        )

    async def judge(self) -> bool:
        """Look at every release that is watched; return that it is done."""
        async with self._judging:  # or two would act on one release
            for each in await self._stores.watches.open():
                await self._judge(each)
        if self.timing is not None and await self._stores.watches.open():
            self.timing.after(_LOOK, "releases", self._look)
        return True

    async def _look(self) -> None:
        self.errand.wake()

    async def _judge(self, watch: Watch) -> None:
        now = self._clock.now()
        if self._is_superseded(watch):
            await self._stores.watches.end(watch, "superseded", now)
            return
        tallies = await self._stores.health.tallies(key=watch.key, since=watch.started_at)
        share, count = rate(each for each in tallies if each.revision == watch.revision)
        if count >= watch.min_executions and share > watch.max_failure_rate:
            await self._act(watch, share, count, now)
        elif now >= watch.until_at:
            await self._stores.watches.end(watch, "passed", now)

    def _is_superseded(self, watch: Watch) -> bool:
        """Whether a flow runs something else by now.

        What is active is stored before it is seen here: an older revision is no newer release.
        """
        pin = self._rollback.flows.pinned(*watch.key)
        if pin is not None:
            return pin.revision != watch.revision
        running = self._rollback.flows.in_git(*watch.key)
        return running is None or running.revision > watch.revision

    async def _act(self, watch: Watch, share: float, count: int, now: int) -> None:
        """Roll back, or tell; of several nodes one tells."""
        reason = (
            f"{share:.0%} of {count} executions of revision {watch.revision} failed, more than"
            f" {watch.max_failure_rate:.0%}"
        )
        # Pinned first: a crash in between leaves a release that is watched, never one that is not.
        if watch.action == "pin" and await self._pin(watch, reason):
            await self._stores.watches.end(watch, "rolled-back", now)
            METRICS.releases_failed.labels("pin").inc()
        elif await self._stores.watches.end(watch, "alerted", now):
            METRICS.releases_failed.labels("alert").inc()
            await self._alert(watch, reason, now)

    async def _pin(self, watch: Watch, reason: str) -> bool:
        """Roll a flow back to what it ran before; what does not fit the present was opted for."""
        order = Order(_US, reason, confirm=True, action="flow.auto-rollback", revert=True)
        try:
            target = await self._rollback.flows.find(*watch.key, revision=watch.previous)
            await self._rollback.hold_one(watch.key, target, order)
        except HeadwaterError as error:
            _LOG.error("no automatic rollback", flow=watch.key[2], reason=error.message)
            return False
        return True

    async def _alert(self, watch: Watch, reason: str, now: int) -> None:
        tenant, namespace, flow_id = watch.key
        _LOG.error("a release fails", namespace=namespace, flow=flow_id, reason=reason)
        detail = {"revision": watch.revision, "previous": watch.previous}
        target = f"flow/{namespace}.{flow_id}"
        await self._stores.audit.add(
            AuditEntry(tenant, now, _US.name, "release.alert", target, reason, detail)
        )
        await self._tell(watch, f"{namespace}.{flow_id} fails: {reason}")

    async def _tell(self, watch: Watch, title: str) -> None:
        """Give the commit a red status, if the forge takes it now; the audit log has it anyway."""
        running = self._rollback.flows.in_git(*watch.key)
        if running is None or running.source_id not in self._workers:
            return
        worker = self._workers.get(running.source_id)
        if worker.parts.forge is None:
            return
        check = Check(running.commit, f"headwater/{worker.id}", "failure", title[:_LONGEST_TITLE])
        try:
            await worker.parts.forge.publish(check)
        except HeadwaterError as error:
            _LOG.warning("a release that fails is not told", reason=error.message)
