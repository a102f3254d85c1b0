"""Reviews of pull requests: hints and moves of the base come in, checks and comments go out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, tzinfo
from functools import cached_property, partial
from typing import TYPE_CHECKING

from app.db.impact import ImpactStore
from app.db.pull_records import Pull, Review
from app.db.pulls import PullStore
from app.errors import HeadwaterError, NotFound
from app.ports import FlowTests
from app.sync.inbox import Inbox
from app.sync.model import HookEvent
from app.sync.reporting import Report, Reporter
from app.sync.review import checks
from app.sync.review.archive import Archive
from app.sync.review.bench import Bench, Facts, concerns, context_suffix, forge_of, scope_of
from app.sync.review.intake import Intake
from app.sync.review.merging import forget_head
from app.sync.review.orders import Orders
from app.sync.review.queue import ReviewQueue
from app.sync.review.staleness import is_due, is_stale
from app.sync.review.telling import Teller, withdraw
from app.sync.service import SyncService
from app.sync.timing import Timing
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

if TYPE_CHECKING:
    from app.sync.planning.plan import ChangePlan
    from app.sync.review.making import Maker

_LOG = get_logger(__name__)
_DAY = 24 * 3_600_000_000
_KEPT_DAYS = 30
_SWEEP_SECONDS = 300.0
"""How often the open pull requests are looked through: what no webhook told of is found."""


async def _no_facts(plan: "ChangePlan") -> "ChangePlan":
    return plan


def _tell_changesets(sync: SyncService) -> Callable[[Review], Awaitable[None]]:
    """Return what lets a changeset know that the checks of its pull request are done."""

    async def tell(review: Review) -> None:
        if review.number:
            hint = HookEvent(
                source_id=review.source_id,
                provider="headwater",
                delivery_id=review.id,
                event="check",
                number=review.number,
                sha=review.head_sha,
            )
            await sync.changesets.hinted(hint)

    return tell


class Reviews:
    """Reviews of all sources that have a forge."""

    def __init__(
        self,
        sync: SyncService,
        store: PullStore,
        *,
        tests: FlowTests | None = None,
        impact: ImpactStore | None = None,
        zone: tzinfo = UTC,
        url: str = "",
    ) -> None:
        """Nothing happens before `start`.

        `impact` knows the executions that plans tell of; triggers that name no time zone fire in
        `zone`; `url` is where people find this service.
        """
        shared = sync.shared
        self._bench = Bench(sync.workers, store, shared.audit, shared.clock, tests, url)
        self.heard: list[Callable[[Review], Awaitable[None]]] = [_tell_changesets(sync)]
        """Told of every review that came to an end."""
        self.archive = Archive(self._bench)
        self.orders = Orders(self._bench, sync, self._again)
        self._intake = Intake(self._bench, self.orders, self._enqueue, self._close)
        self._impact = impact
        self._zone = zone
        self._queues: dict[str, ReviewQueue] = {}
        self._tips: dict[str, str] = {}
        """The commit of the base that the last run of each source found."""
        self._timing = Timing(_SWEEP_SECONDS)
        self._stack = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._swept = asyncio.Event()

    def listen(self, inbox: Inbox, reporter: Reporter) -> None:
        """Hear of deliveries and of syncs; before either starts, so that none is missed."""
        inbox.heard.append(self._intake.hear)
        reporter.heard.append(self._base_moved)

    async def start(self) -> None:
        """Take up what an earlier process left, and look for what nobody told of."""
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        for queue in self._queues.values():  # a delivery may have been heard already
            queue.start(self._group)
        for worker in self._bench.workers:
            if worker.parts.forge is not None:
                self._queue(worker)
        self._timing.start()
        self._timing.poll(self.sweep)
        self._timing.hourly("reviews", self._forget)
        self._spawn(self.sweep, "pull requests")

    async def stop(self) -> None:
        """End; what waits is made after the next start."""
        self._timing.stop()
        for queue in self._queues.values():
            queue.stop()
        self._queues.clear()
        for task in self._beside:
            task.cancel()
        self._group = None
        await self._stack.aclose()

    async def settled(self) -> None:
        """Wait until no review waits that can be made now."""
        await self._swept.wait()
        for queue in list(self._queues.values()):
            await queue.settled()
        if self._beside:
            await asyncio.wait(set(self._beside))

    # -- what happens ----------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Review open pull requests whose head has no review, and close what is not open."""
        for worker in self._bench.workers:
            if worker.parts.forge is None:
                continue
            try:
                await self._sweep(worker)
            except HeadwaterError as error:  # the next sweep is soon
                _LOG.warning("pull requests not read", source=worker.id, error=error.message)
        self._swept.set()

    async def _sweep(self, worker: SourceWorker) -> None:
        store = self._bench.store
        found = await forge_of(worker).pulls()
        for pull in found:
            if not concerns(worker, self._bench.workers, pull.base_ref):
                continue
            known = await store.reviews(worker.id, pull.number, head=pull.head_sha)
            failed = [each for each in known if each.state == "failed"]
            stored = await store.get(worker.id, pull.number)
            moved = stored is not None and stored.base_ref != pull.base_ref
            is_known = stored is not None and any(
                each.state in ("queued", "running", "done")
                and each.scope == scope_of(pull, stored)  # a draft may be ready by now
                for each in known
            )
            if moved or (not is_known and is_due(failed, self._bench.clock.now())):
                await self._intake.look(worker, pull.number, "sweep")
        numbers = {each.number for each in found}
        for earlier in await store.find(worker.id, state="open"):
            if earlier.number not in numbers:
                await self._intake.look(worker, earlier.number, "sweep")

    async def _base_moved(self, report: Report) -> None:
        """Review anew what touches the namespaces that other commits changed meanwhile."""
        tip = report.run.new_commit
        worker = self._worker(report.source.id)
        if worker is None or tip is None or worker.parts.forge is None:
            return
        self._tips[worker.id] = tip
        for pull in await self._bench.store.find(worker.id, state="open"):
            reviews = await self._bench.store.reviews(
                worker.id, pull.number, head=pull.head_sha, states=("done",), limit=1
            )
            for review in reviews:
                origin = worker.parts.repository
                if await asyncio.to_thread(is_stale, origin, review, tip):
                    await self._intake.look(worker, pull.number, "base")

    async def _moved_meanwhile(self, review: Review) -> None:
        """Review anew if the base moved while a review was made, and so went unnoticed."""
        worker, tip = self._worker(review.source_id), self._tips.get(review.source_id)
        if worker is None or tip is None or not review.number:
            return
        if await asyncio.to_thread(is_stale, worker.parts.repository, review, tip):
            await self._intake.look(worker, review.number, "base")

    async def _again(self, worker: SourceWorker, number: int, cause: str) -> None:
        await self._intake.look(worker, number, cause)

    async def _enqueue(self, worker: SourceWorker, review: Review) -> None:
        """Store a review to make; those that it supersedes end."""
        queue = self._queue(worker)
        before = await self._bench.store.enqueue(review)
        for old in before:
            if old.checks and old.head_sha != review.head_sha:
                self._spawn(partial(withdraw, forge_of(worker), old), "superseded checks")
        # What is known of the head stands until it is made anew, if that turns out to be needed.
        known = await self._bench.store.reviews(
            worker.id, review.number, head=review.head_sha, states=("done",), limit=1
        )
        if queue.is_busy and not known:
            self._spawn(partial(self._tell_queued, worker, review), "queued check")
        queue.wake()
        queue.supersede(before)  # last: it may be the review that found the newer head

    async def _tell_queued(self, worker: SourceWorker, review: Review) -> None:
        """Show that a review waits: never as a failure."""
        suffix = context_suffix(worker, self._bench.workers)
        teller = Teller(self._bench, forge_of(worker), review, suffix)
        await teller.remember()
        await teller.tell(checks.VALIDATE, checks.QUEUED)

    def _made(self, review: Review) -> None:
        for listener in self.heard:
            self._spawn(partial(listener, review), "review that was made")
        self._spawn(partial(self._moved_meanwhile, review), "base of a review")

    async def _close(self, worker: SourceWorker, pull: Pull) -> None:
        """Let go of a pull request that is over."""
        store, at = self._bench.store, self._bench.clock.now()
        if pull.state == "open":
            await store.close(worker.id, pull.number, at)
        states = ("queued", "running")
        for review in await store.reviews(worker.id, pull.number, states=states):
            await store.drop(review, at)
            self._queue(worker).supersede([review])
            if review.checks:
                self._spawn(partial(withdraw, forge_of(worker), review), "checks of what is closed")
        if worker.parts.origin is not None:
            await asyncio.to_thread(forget_head, worker.parts.origin.mirror, pull.number)

    async def _forget(self) -> None:
        await self._bench.store.forget(self._bench.clock.now() - _KEPT_DAYS * _DAY)

    @cached_property
    def _maker(self) -> "Maker":
        """What makes reviews; an instance without a forge saves its 3 MB."""
        from app.sync.review.facts import NodeFacts  # noqa: PLC0415 - see above
        from app.sync.review.judging import Judge  # noqa: PLC0415 - see above
        from app.sync.review.making import Maker  # noqa: PLC0415 - see above

        facts: Facts = _no_facts
        if self._impact is not None:
            facts = NodeFacts(self._impact, self._bench.clock)
        return Maker(self._bench, Judge(self._zone), facts, self._enqueue, self._made)

    def _queue(self, worker: SourceWorker) -> ReviewQueue:
        queue = self._queues.get(worker.id)
        if queue is None:
            queue = ReviewQueue(worker.id, self._bench.store, self._maker.make, self._maker.fail)
            self._queues[worker.id] = queue
            if self._group is not None:
                queue.start(self._group)
        return queue

    def _worker(self, source_id: str) -> SourceWorker | None:
        try:
            return self._bench.workers.get(source_id)
        except NotFound:
            return None

    def _spawn(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Do something beside; what goes wrong is logged."""

        async def guarded() -> None:
            try:
                await work()
            except HeadwaterError as error:
                _LOG.info("not told", what=name, error=error.message)
            except Exception:  # noqa: BLE001 - one failure must not end the group
                _LOG.exception("not told", what=name)

        if self._group is not None:
            task = self._group.create_task(guarded(), name=name)
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)
