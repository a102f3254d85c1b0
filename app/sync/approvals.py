"""What people decide about a commit that is held: it may pass, or it never will."""

import asyncio

from app.db.audit import AuditEntry
from app.db.records import SyncRun
from app.db.sources import SourceStore
from app.errors import Conflict
from app.ports import Clock
from app.sync.gate import refuse_unapprovable
from app.sync.model import Actor
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker


class Approvals:
    """Approves and rejects the commits of runs that were held."""

    def __init__(self, workers: SourceSet, sources: SourceStore, clock: Clock) -> None:
        """Decide about commits of `workers`."""
        self._workers = workers
        self._sources = sources
        self._clock = clock
        self._turn = asyncio.Lock()

    async def approve(
        self, run_id: str, actor: Actor, reason: str, *, timeout: float = 30.0
    ) -> SyncRun:
        """Let a commit pass the gate that held it, look at it again, and return the new run.

        The word holds for this commit only, and for what the run told of only. The run that was
        decided about is returned where the new one takes longer than `timeout` seconds.

        Raises:
            NotFound: when there is no such run.
            Conflict: when its commit is not held (any more), or cannot be approved.
        """
        async with self._turn:
            run, worker = await self._held(run_id)
            refuse_unapprovable(run.hold, worker.spec.rewrites)
            await self._decide(run, worker, "approved", actor, reason)
        again = asyncio.shield(worker.follower.decided())
        done, _ = await asyncio.wait([again], timeout=timeout)
        return again.result() if done else await self._sources.run(run_id)

    async def reject(self, run_id: str, actor: Actor, reason: str) -> SyncRun:
        """Let a commit never pass: only a newer one does. Return the run as it stands then.

        Raises:
            NotFound: when there is no such run.
            Conflict: when its commit is not held (any more), or was approved: that may be acted on
                already, and what is active cannot be held.
        """
        async with self._turn:
            run, worker = await self._held(run_id)
            if run.decision == "approved":
                message = f"{run.decided_by} approved sync run {run_id}; roll back what it changed"
                raise Conflict(message)
            await self._decide(run, worker, "rejected", actor, reason)
        worker.follower.decided()
        return await self._sources.run(run_id)

    async def _held(self, run_id: str) -> tuple[SyncRun, SourceWorker]:
        run = await self._sources.run(run_id)
        worker = self._workers.get(run.source_id)
        if not run.hold or run.new_commit is None:
            message = f"sync run {run_id} holds nothing: its outcome is {run.outcome}"
            raise Conflict(message)
        source = await self._sources.get(run.source_id)
        newest = next((each for each in await self._sources.runs(source.id) if each.hold), run)
        if source.last_seen != run.new_commit:
            message = (
                f"commit {run.new_commit[:12]} was followed by {(source.last_seen or '')[:12]};"
                f" decide about run {newest.id}"
            )
            raise Conflict(message)
        held = source.condition("Held")
        if held is None or not held.status:
            message = f"commit {run.new_commit[:12]} is not held any more"
            raise Conflict(message)
        return run, worker

    async def _decide(
        self, run: SyncRun, worker: SourceWorker, word: str, actor: Actor, reason: str
    ) -> None:
        verb = "approve" if word == "approved" else "reject"
        entry = AuditEntry(
            tenant=worker.spec.tenant,
            at=self._clock.now(),
            actor=actor.name,
            action=f"source.{verb}",
            target=f"source/{worker.id}",
            reason=reason,
            detail={"run": run.id, "commit": run.new_commit, "hold": run.hold},
        )
        await self._sources.gates.decide(run.id, word, entry)
