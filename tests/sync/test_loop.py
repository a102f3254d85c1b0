"""The loop: one pass at a time, at most one waiting, causes joined."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.db.records import SyncRun
from app.errors import Unavailable
from app.sync.loop import SyncLoop


class Work:
    """A pass that ends when it is told to."""

    def __init__(self) -> None:
        self.causes: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.begun = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def __call__(self, cause: str) -> SyncRun:
        self.causes.append(cause)
        self.begun.release()
        await self.go.acquire()
        if self.error:
            raise self.error
        return SyncRun(f"r{len(self.causes)}", "main", cause, 0)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def loop(work: Work) -> AsyncIterator[SyncLoop]:
    loop = SyncLoop(work)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(loop.forever())
        yield loop
        running.cancel()


async def test_wishes_while_a_pass_runs_are_one_further_pass(loop: SyncLoop, work: Work) -> None:
    first = loop.wake("poll")
    await work.begun.acquire()
    later = [loop.wake(cause) for cause in ("poll", "webhook", "manual", "write", "poll")]
    assert len(set(later)) == 1
    assert later[0] is not first
    work.go.release()
    assert (await first).cause == "poll"
    await work.begun.acquire()
    work.go.release()
    assert (await later[0]).cause == "manual"
    assert work.causes == ["poll", "manual"]


async def test_an_error_is_told_and_the_loop_goes_on(loop: SyncLoop, work: Work) -> None:
    work.error = ValueError("oh")
    work.go.release()
    with pytest.raises(ValueError, match="oh"):
        await loop.wake("poll")
    work.error = None
    work.go.release()
    assert (await loop.wake("poll")).id == "r2"


async def test_at_the_end_nobody_waits_for_ever(work: Work) -> None:
    loop = SyncLoop(work)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(loop.forever())
        current = loop.wake("poll")
        await work.begun.acquire()
        waiting = loop.wake("poll")
        running.cancel()
    for each in (current, waiting):
        with pytest.raises(Unavailable):
            await each
