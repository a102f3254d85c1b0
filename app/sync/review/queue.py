"""The queue of one source's reviews: durable, one at a time, the newest head supersedes.

What waits is in the database, so that a restart forgets nothing. A forge that does not answer is
asked again after a while; the review waits with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.db.pull_records import Review
from app.db.pulls import PullStore
from app.errors import HeadwaterError, Unavailable
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_LONGEST_PAUSE = 300.0
_LONGEST_REVIEW = 1_800.0
_MOST_TRIES = 12
"""With the pauses between them a forge may be away for half an hour."""

Run = Callable[[Review], Awaitable[None]]
Failed = Callable[[Review, str], Awaitable[None]]


class ReviewQueue:
    """Makes the reviews of one source, oldest first."""

    def __init__(
        self,
        source_id: str,
        store: PullStore,
        run: Run,
        failed: Failed,
        *,
        longest: float = _LONGEST_REVIEW,
    ) -> None:
        """`run` makes a review and stores it; `failed` notes that it could not be made.

        `longest`: seconds that one may take; it fails then, so that the next one has its turn.
        """
        self._longest = longest
        self._source_id = source_id
        self._store = store
        self._run = run
        self._failed = failed
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: tuple[Review, asyncio.Task[HeadwaterError | None]] | None = None
        self._tries: dict[str, int] = {}

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin with what an earlier process left."""
        self._task = group.create_task(self._forever(group), name=f"reviews {self._source_id}")

    def stop(self) -> None:
        """End; what was not made waits for the next start."""
        if self._running is not None:
            self._running[1].cancel()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether a review is being made, so that a further one has to wait."""
        return self._running is not None

    def wake(self) -> None:
        """Look for reviews to make."""
        self._idle.clear()
        self._wake.set()

    def supersede(self, reviews: list[Review]) -> None:
        """Stop the review that is being made if it is one of these."""
        if self._running and self._running[0].id in {each.id for each in reviews}:
            self._running[1].cancel()

    async def settled(self) -> None:
        """Wait until every review that waited is made, or waits for the forge."""
        await self._idle.wait()

    async def _forever(self, group: asyncio.TaskGroup) -> None:
        pause: float | None = 0.0
        is_behind = True
        while True:
            if pause != 0.0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
            self._wake.clear()
            try:
                if is_behind:
                    await self._store.take_up(self._source_id)
                    is_behind = False
                pause = await self._drain(group)
            except Exception:  # noqa: BLE001 - the database may be away for a while; go on after it
                _LOG.exception("reviews not read", source=self._source_id)
                pause, is_behind = 1.0, True  # the end of a review may not have been stored
            if not self._wake.is_set():
                self._idle.set()

    async def _drain(self, group: asyncio.TaskGroup) -> float | None:
        """Make what waits; return how long to pause before the next try, None: until woken."""
        while (review := await self._store.next(self._source_id)) is not None:
            if not await self._store.claim(review):
                continue  # another node has it, or it was superseded this moment
            pause = await self._make(group, review)
            if pause:
                return pause
        return None

    async def _make(self, group: asyncio.TaskGroup, review: Review) -> float:
        """Make one review; return how many seconds it has to wait for another try, 0 for none."""
        task = group.create_task(self._guarded(review), name=f"review {review.number}")
        self._running = review, task
        try:
            await asyncio.wait([task])
        finally:
            self._running = None
        return 0.0 if task.cancelled() else await self._judged(review, task.result())

    async def _guarded(self, review: Review) -> HeadwaterError | None:
        """Make a review; return what went wrong: a task that raises would end the whole group."""
        try:
            async with asyncio.timeout(self._longest):
                await self._run(review)
        except HeadwaterError as error:
            return error
        except TimeoutError:
            return HeadwaterError(f"the review took more than {self._longest:.0f} s")
        except Exception as error:  # noqa: BLE001 - whatever it was, the next review is made
            _LOG.exception("review failed", source=self._source_id, number=review.number)
            return HeadwaterError(f"{type(error).__name__}: {error}")
        return None

    async def _judged(self, review: Review, error: HeadwaterError | None) -> float:
        """Note what went wrong; return the pause before the next try."""
        tries = self._tries.pop(review.id, 0) + 1
        if error is None:
            return 0.0
        if error.status == Unavailable.status and tries < _MOST_TRIES:
            self._tries[review.id] = tries
            await self._store.release(review)
            asked = error.details.get("retry_after")
            pause = float(asked) if isinstance(asked, int | float) else 2.0 ** (tries - 1)
            return max(0.05, min(pause, _LONGEST_PAUSE))
        await self._failed(review, error.message)
        return 0.0
