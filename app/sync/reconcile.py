"""One run of a source's loop: ordered small phases, one exit that always writes what became of it.

Every phase can be repeated: a crash between two of them is made good by the next run, which begins
at RESOLVE again and finds done what is done.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.db.records import Condition, Source, SyncRun
from app.errors import Fenced, HeadwaterError
from app.sync import activating, reading
from app.sync.conditions import (
    Failure,
    Next,
    after_failure,
    after_success,
    failure_of,
    while_running,
    with_told,
    with_verified,
)
from app.sync.leading import Leader
from app.sync.mending import is_damage
from app.sync.passes import Parts, Pass, Settled
from app.sync.reporting import Report
from app.sync.transitions import Transitions
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_KEPT_RUNS = 500

Phase = Callable[[Parts, Pass], Awaitable[None]]

PHASES: tuple[tuple[str, Phase], ...] = (
    ("RESOLVE", reading.resolve),
    ("FETCH", reading.fetch),
    ("VERIFY", reading.verify),
    ("DIFF", reading.diff),
    ("LOAD", reading.load),
    ("VALIDATE", reading.validate_flows),
    ("PLAN", activating.plan),
    ("GATE", activating.gate),
    ("ACTIVATE", activating.activate),
)


class Reconciler:
    """Makes the database follow one source. One run at a time."""

    def __init__(self, source: Source, parts: Parts) -> None:
        """`source` as it is registered; the repository is opened by the first run."""
        self.source = source
        self.parts = parts
        self.leader = Leader(source.id, parts.sources.leases, parts.clock)
        parts.leader = parts.indexer.leader = self.leader
        self.failure: Failure | None = None
        """Why the last run failed, None when it did not."""
        self._transitions = Transitions(source.id)
        self._standing: tuple[str, str, str] | None = None
        """Outcome, reason and hold of the last run that found something new."""

    async def run(self, cause: str) -> SyncRun:
        """Make one run and return what became of it: a failure is an outcome, too."""
        await self._catch_up()
        now = Pass(cause, self.source, self.parts.clock.now())
        self.failure = None
        try:
            return await self._run(now)
        finally:
            self.leader.give()

    async def _catch_up(self) -> bool:
        """Read the source; when another node changed it, see that here, too, and return True."""
        self.source = await self.parts.sources.get(self.source.id)
        known, turn = self.leader.turn, self.source.turn
        if known not in (None, turn):
            self._standing = None
            self.parts.forget()
            await self.parts.flows.refresh()
            await self.parts.tenants.refresh()
        self.leader.turn = turn
        return known not in (None, turn)

    async def _lead(self, now: Pass) -> None:
        """Keep other nodes from the source; what one of them did before is looked at again."""
        await self.leader.take()
        if await self._catch_up():
            now.source = self.source
            self.parts.again |= now.again
            await self._timed("RESOLVE", reading.resolve, now)

    async def _run(self, now: Pass) -> SyncRun:
        try:
            for name, phase in PHASES:
                self.leader.check()
                await self._timed(name, phase, now)
                if name == "RESOLVE":
                    await self._lead(now)
                if name == "FETCH":
                    self._tell_progress(now)
            outcome, reason = _outcome(now)
        except Settled as settled:
            outcome, reason = settled.outcome, settled.reason
            now.hold = settled.hold
        except Exception as error:  # noqa: BLE001 - whatever it was, the run must tell
            told = self.leader.lost() if isinstance(error, Fenced) else error
            self.failure = failure_of(told)
            self.parts.again |= now.again
            if await asyncio.to_thread(is_damage, self.parts, error):
                self.parts.damaged = True
                self.failure = replace(self.failure, next=Next.RETRY)
            outcome, reason = "FAILED", f"{self.failure.reason}: {self.failure.message}"
            if not isinstance(error, HeadwaterError):
                _LOG.exception("sync failed", source=self.source.id)
        return await self._report(now, outcome, "; ".join(filter(None, [reason, *now.notes])))

    def _tell_progress(self, now: Pass) -> None:
        """Show that there is something new; the long phases come after it."""
        conditions = while_running(self.source.conditions, now.tip or "", now.started_at)
        self.source = replace(self.source, conditions=conditions)
        self.parts.sources.note_status(self.source.id, conditions)

    async def _timed(self, name: str, phase: Phase, now: Pass) -> None:
        begun = time.perf_counter()
        try:
            await phase(self.parts, now)
        finally:
            seconds = time.perf_counter() - begun
            now.phases[name] = round(seconds * 1000, 3)
            METRICS.git_sync_duration_seconds.labels(name).observe(seconds)

    async def _report(self, now: Pass, outcome: str, reason: str) -> SyncRun:
        """Write the run and the source's conditions."""
        at = self.parts.clock.now()
        run = SyncRun(
            id=now.id,
            source_id=self.source.id,
            cause=now.cause,
            started_at=now.started_at,
            outcome=outcome,
            reason=reason,
            old_commit=now.source.last_applied,
            new_commit=now.tip,
            ended_at=at,
            phases=now.phases,
            counts=_counts(now),
            hold=now.hold,
        )
        # All of a commit was looked at, and nothing is to be done: it does not stand as before.
        shown = "SYNCED" if outcome == "NOOP" and now.plan is not None else outcome
        conditions = await self._conditions(shown, reason, at, now.hold)
        off = self.parts.spec.signatures == "off"
        conditions = with_verified(conditions, None if off else now.verified, off=off)
        conditions = with_told(conditions, self.source.conditions, self.parts.told)
        if outcome != "NOOP" or now.cause != "poll" or conditions != self.source.conditions:
            await self.parts.sources.save_run(run)
            await self.parts.sources.forget_runs(self.source.id, keep=_KEPT_RUNS)
        await self._settle_deliveries(now, outcome)
        seen = now.tip or self.source.last_seen
        await self.parts.sources.save_status(self.source.id, conditions, seen=seen, at=at)
        self._transitions.tell(self.source.conditions, conditions)
        self.source = await self.parts.sources.get(self.source.id)
        if outcome != "NOOP":
            self.parts.reporter.tell(_told(self.source, run, now))
        return run

    async def _settle_deliveries(self, now: Pass, outcome: str) -> None:
        """Note what became of the webhook deliveries that came before this run."""
        if not self.parts.delivered:
            return
        self.parts.delivered = False
        retried = self.failure is not None and self.failure.next is Next.RETRY
        if retried:
            self.parts.delivered = True
            return
        state = "failed" if outcome == "FAILED" else "done"
        await self.parts.sources.deliveries.settle(self.source.id, state, until=now.started_at)

    async def _conditions(
        self, outcome: str, reason: str, at: int, hold: str
    ) -> tuple[Condition, ...]:
        before = self.source.conditions
        if self.failure is not None:
            return after_failure(before, self.failure, at)
        if outcome in ("NOOP", "SUPERSEDED"):
            outcome, reason, hold = self._standing or await self._stored_standing()
        self._standing = outcome, reason, hold
        return after_success(before, outcome, reason, at, hold)

    async def _stored_standing(self) -> tuple[str, str, str]:
        """Return what the last run of an earlier process found, as far as it still matters."""
        found = await self.parts.sources.findings(self.source.id)
        errors = sum(each.severity == "error" for each in found)
        return ("PARTIAL", f"{errors} errors", "") if errors else ("SYNCED", "", "")


def _outcome(now: Pass) -> tuple[str, str]:
    """Return what a run that went through all phases amounts to."""
    plan = now.plan
    if plan is None:
        return "NOOP", ""
    new = plan.activation
    if not plan.invalid and now.hold:
        return "PARTIAL", ""
    if new.stayed or plan.invalid:
        names = ", ".join(f"{each.tenant}/{each.namespace}" for each in new.stayed[:5])
        held = f"; not moved: {names}" if names else ""
        return ("PARTIAL" if new.moved else "REJECTED"), f"{plan.invalid} files with errors{held}"
    if now.tip == now.source.last_applied and not (new.moved or now.revisions):
        return "NOOP", ""
    return "SYNCED", ""


def _told(source: Source, run: SyncRun, now: Pass) -> Report:
    moves = now.plan is not None and run.outcome in ("SYNCED", "PARTIAL")
    flows = tuple(now.plan.activation.flows) if moves and now.plan else ()
    return Report(source, run, flows, now.active, now.moved)


def _counts(now: Pass) -> dict[str, int]:
    plan = now.plan
    return plan.counts(len(now.revisions)) if plan else {}
