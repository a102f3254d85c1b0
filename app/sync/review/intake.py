"""What forges tell of pull requests becomes reviews and commands."""

import asyncio
from collections.abc import Awaitable, Callable

from app.db.pull_records import Pull, Review
from app.errors import NotFound
from app.sync.model import HookEvent
from app.sync.review.bench import Bench, Enqueue, concerns, forge_of, scope_of
from app.sync.review.checks import CONTEXTS
from app.sync.review.commands import PREFIX
from app.sync.review.orders import Orders
from app.sync.review.telling import base_context
from app.sync.worker import SourceWorker

_PULL_ACTIONS = frozenset(
    {
        "opened",
        "reopened",
        "synchronize",
        "ready_for_review",
        "converted_to_draft",
        "edited",
        "labeled",
        "closed",
    }
)

Close = Callable[[SourceWorker, Pull], Awaitable[None]]


class Intake:
    """Hears hints. What is true of a pull request the forge is asked."""

    def __init__(self, bench: Bench, orders: Orders, enqueue: Enqueue, close: Close) -> None:
        """`enqueue` takes a review, `close` lets go of a pull request that is over."""
        self._bench = bench
        self._orders = orders
        self._enqueue = enqueue
        self._close = close
        self._locks: dict[str, asyncio.Lock] = {}
        """One a source: two who hear of a pull request at once would review it twice."""

    async def hear(self, event: HookEvent) -> None:
        """Act on a hint; raises `Unavailable` when the forge does not answer."""
        try:
            worker = self._bench.workers.get(event.source_id)
        except NotFound:
            return  # it was removed meanwhile
        if worker.parts.forge is None:
            return
        if event.event == "pull" and event.number and event.action in _PULL_ACTIONS:
            await self.look(worker, event.number, event.action)
        elif event.event == "comment":
            await self._comment(worker, event)
        elif event.event == "check":
            await self._check(worker, event)
        elif event.event == "suite" and event.action == "rerequested":
            await self._again(worker, event.sha)
        elif event.event == "merge_group":
            await self._group(worker, event)

    async def look(self, worker: SourceWorker, number: int, cause: str) -> None:
        """Ask the forge for a pull request, and review its head if that was not done yet."""
        async with self._locks.setdefault(worker.id, asyncio.Lock()):
            await self._look(worker, number, cause)

    async def _look(self, worker: SourceWorker, number: int, cause: str) -> None:
        store = self._bench.store
        known = await store.get(worker.id, number)
        try:
            pull = await forge_of(worker).pull(number)
        except NotFound:
            return
        if not concerns(worker, self._bench.workers, pull.base_ref):
            if known is not None and known.state == "open":
                await self._close(worker, known)
            return
        now = await store.save(worker.id, pull, self._bench.clock.now())
        if pull.state != "open":
            await self._close(worker, now)
            return
        review = Review(
            worker.id,
            number,
            pull.head_sha,
            cause,
            self._bench.clock.now(),
            scope=scope_of(pull, now),
        )
        moved = known is not None and known.base_ref != pull.base_ref
        if moved or not await self._is_under_way(review):
            await self._enqueue(worker, review)

    async def _is_under_way(self, review: Review) -> bool:
        """Return whether the same review waits or is being made: many events tell of one push."""
        if review.cause not in ("opened", "synchronize", "labeled", "sweep", "edited"):
            return False
        open_ones = await self._bench.store.reviews(
            review.source_id, review.number, head=review.head_sha, states=("queued", "running")
        )
        return any(each.scope == review.scope for each in open_ones)

    async def _comment(self, worker: SourceWorker, event: HookEvent) -> None:
        if event.number is None or PREFIX not in event.comment:
            return
        pull = await self._known(worker, event.number)
        if pull is not None:
            await self._orders.obey(worker, pull, event.comment_id)

    async def _check(self, worker: SourceWorker, event: HookEvent) -> None:
        if event.action == "requested_action":
            for pull in await self._bench.store.find(worker.id, head=event.sha, state="open"):
                fresh = await self._known(worker, pull.number)
                if fresh is not None and event.identifier in self._orders.handlers:
                    await self._orders.press(
                        worker, fresh, event.identifier, event.actor, event.sha
                    )
        elif event.action == "rerequested" and base_context(event.identifier) in CONTEXTS:
            await self._again(worker, event.sha)

    async def _again(self, worker: SourceWorker, sha: str) -> None:
        """Review anew what has this head."""
        for pull in await self._bench.store.find(worker.id, head=sha, state="open"):
            await self.look(worker, pull.number, "rerequested")
        groups = await self._bench.store.reviews(worker.id, 0, head=sha, limit=1)
        for group in groups:
            ref = group.cause.partition(":")[2]
            await self._enqueue(worker, self._of_group(worker, sha, f"rerequested:{ref}"))

    async def _group(self, worker: SourceWorker, event: HookEvent) -> None:
        """Review a merge group, or leave it when the forge has taken it apart."""
        if not event.sha or not concerns(worker, self._bench.workers, event.ref):
            return
        review = self._of_group(worker, event.sha, f"merge_group:{event.ref}")
        if event.action == "destroyed":
            await self._bench.store.withdraw(review, self._bench.clock.now())
            return
        states = ("queued", "running", "done")
        if not await self._bench.store.reviews(worker.id, 0, head=event.sha, states=states):
            await self._enqueue(worker, review)

    def _of_group(self, worker: SourceWorker, sha: str, cause: str) -> Review:
        return Review(worker.id, 0, sha, cause, self._bench.clock.now(), scope="full")

    async def _known(self, worker: SourceWorker, number: int) -> Pull | None:
        """Return an open pull request of this source as the forge has it now."""
        try:
            pull = await forge_of(worker).pull(number)
        except NotFound:
            return None
        if pull.state != "open" or not concerns(worker, self._bench.workers, pull.base_ref):
            return None
        return await self._bench.store.save(worker.id, pull, self._bench.clock.now())
