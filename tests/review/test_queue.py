"""The queue of reviews on SQL: durable, one at a time, newest supersedes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.db.database import Database
from app.db.pull_records import Review
from app.db.pulls import PullStore
from app.errors import AuthFailed, Unavailable
from app.ports import PullRequest
from app.sync.review.queue import ReviewQueue
from tests.sync.rig import until

Run = Callable[[Review], Awaitable[None]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PullStore]:
    database = Database.at(None, tmp_path)
    await database.open()
    yield PullStore(database)
    await database.close()


def review(number: int, head: str = "a", at: int = 1, cause: str = "opened") -> Review:
    return Review("main", number, head * 40, cause, at)


class Bench:
    """Makes reviews as a test says."""

    def __init__(self, store: PullStore) -> None:
        self.store = store
        self.made: list[str] = []
        self.failed: list[tuple[str, str]] = []
        self.errors: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.cancelled: list[str] = []

    async def run(self, review: Review) -> None:
        if self.errors:
            raise self.errors.pop(0)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.append(review.id)
                raise
        self.made.append(review.id)
        await self.store.drop(review, 2)

    async def fail(self, review: Review, message: str) -> None:
        self.failed.append((review.id, message))
        await self.store.drop(review, 2)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[ReviewQueue]:
    queue = ReviewQueue("main", bench.store, bench.run, bench.fail)
    async with asyncio.TaskGroup() as group:
        queue.start(group)
        try:
            yield queue
        finally:
            queue.stop()


async def test_what_waited_at_the_start_is_made_oldest_first(store: PullStore) -> None:
    waiting = [review(7, at=3), review(8, at=1), review(9, at=2)]
    for each in waiting:
        await store.enqueue(each)
    bench = Bench(store)
    async with running(bench) as queue:
        await queue.settled()
    assert bench.made == [waiting[1].id, waiting[2].id, waiting[0].id]


async def test_what_an_earlier_process_began_is_made_again(store: PullStore) -> None:
    begun = review(7)
    await store.enqueue(begun)
    database_state = "running"
    assert await store.update(
        Review("main", 7, begun.head_sha, "opened", 1, state=database_state, id=begun.id)
    )
    assert await store.next("main") is None
    bench = Bench(store)
    async with running(bench) as queue:
        await queue.settled()
    assert bench.made == [begun.id]


async def test_a_newer_review_of_the_same_pull_request_supersedes(store: PullStore) -> None:
    old, other, new = review(7, "a"), review(8), review(7, "b", at=2)
    assert await store.enqueue(old) == []
    assert await store.enqueue(other) == []
    assert [each.id for each in await store.enqueue(new)] == [old.id]
    found = await store.reviews("main", 7)
    assert [(each.id, each.state) for each in found] == [
        (new.id, "queued"),
        (old.id, "superseded"),
    ]
    assert (await store.reviews("main", 8))[0].state == "queued"


async def test_merge_groups_stand_beside_each_other(store: PullStore) -> None:
    first, second, again = review(0, "a"), review(0, "b"), review(0, "a", at=2)
    await store.enqueue(first)
    assert await store.enqueue(second) == []
    assert [each.id for each in await store.enqueue(again)] == [first.id]


async def test_a_review_that_is_being_made_ends_when_it_is_superseded(store: PullStore) -> None:
    bench = Bench(store)
    bench.gate = asyncio.Event()
    old, new = review(7, "a"), review(7, "b", at=2)
    await store.enqueue(old)
    async with running(bench) as queue:
        await until(lambda: queue.is_busy)
        before = await store.enqueue(new)
        bench.gate.set()
        queue.supersede(before)
        queue.wake()
        await queue.settled()
    assert bench.made == [new.id]
    assert bench.cancelled == [old.id]


async def test_what_was_superseded_stores_nothing_any_more(store: PullStore) -> None:
    old = review(7, "a")
    await store.enqueue(old)
    await store.enqueue(review(7, "b", at=2))
    assert not await store.update(old)
    assert (await store.reviews("main", 7, states=("superseded",)))[0].outcome == ""


async def test_a_forge_that_does_not_answer_is_asked_again(store: PullStore) -> None:
    bench = Bench(store)
    bench.errors = [Unavailable("over its limit", retry_after=0), Unavailable("still")]
    waiting = review(7)
    await store.enqueue(waiting)
    async with running(bench) as queue:
        async with asyncio.timeout(10):
            while not bench.made:
                queue.wake()
                await asyncio.sleep(0.01)
    assert (bench.made, bench.failed) == ([waiting.id], [])


async def test_what_will_never_do_is_told(store: PullStore) -> None:
    bench = Bench(store)
    bench.errors = [AuthFailed("the token is refused"), ZeroDivisionError("oops")]
    first, second, third = review(7), review(8, at=2), review(9, at=3)
    for each in (first, second, third):
        await store.enqueue(each)
    async with running(bench) as queue:
        await queue.settled()
    assert bench.failed == [
        (first.id, "the token is refused"),
        (second.id, "ZeroDivisionError: oops"),
    ]
    assert bench.made == [third.id]


async def test_a_pull_request_keeps_what_is_ours_of_it(store: PullStore) -> None:
    pull = PullRequest(
        7, "Title", "ann", "open", True, "a" * 40, "x", "acme/flows", "b" * 40, "main", "acme/flows"
    )
    known = await store.save("main", pull, 5)
    assert (known.draft, known.state, known.updated_at) == (True, "open", 5)
    await store.approve(known, "a" * 40)
    await store.note_comment("main", 7, "99")
    again = await store.save("main", pull, 6)
    assert (again.approved_sha, again.comment_id, again.updated_at) == ("a" * 40, "99", 6)
    assert await store.find("main", head="a" * 40, state="open") == [again]
    await store.close("main", 7, 8)
    assert await store.find("main", state="open") == []
    assert await store.get("main", 8) is None


async def test_old_reviews_of_what_is_over_are_forgotten(store: PullStore) -> None:
    pull = PullRequest(
        7, "Title", "ann", "open", False, "a" * 40, "x", "o/r", "b" * 40, "main", "o/r"
    )
    await store.save("main", pull, 1)
    for each in (review(7), review(8)):
        await store.enqueue(each)
        await store.drop(each, 2)
    waiting = review(9)
    await store.enqueue(waiting)
    await store.forget(100)
    assert len(await store.reviews("main", 7)) == 1
    assert await store.reviews("main", 8) == []
    assert len(await store.reviews("main", 9)) == 1


async def test_a_review_whose_end_was_not_stored_is_made_again(store: PullStore) -> None:
    bench = Bench(store)
    bench.errors = [AuthFailed("no")]
    tries: list[str] = []

    async def fail(review: Review, message: str) -> None:
        tries.append(message)
        if len(tries) == 1:
            raise OSError("the database is away")

    bench.fail = fail  # type: ignore[method-assign]
    async with running(bench) as queue:
        made = review(1)
        await store.enqueue(made)
        queue.wake()
        await until(lambda: bench.made == [made.id])


async def test_a_review_that_does_not_end_makes_room(store: PullStore) -> None:
    bench = Bench(store)
    bench.gate = asyncio.Event()
    queue = ReviewQueue("main", bench.store, bench.run, bench.fail, longest=0.05)
    async with asyncio.TaskGroup() as group:
        queue.start(group)
        for number in (1, 2):
            await store.enqueue(review(number))
        queue.wake()
        await until(lambda: len(bench.failed) == 2)
        queue.stop()
