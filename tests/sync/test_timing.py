"""Jobs at their times, and how they end."""

import asyncio
import logging
from typing import Any

import pytest

from app.sync.timing import Timing


class Noted:
    """A job that never comes to an end by itself."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


async def settled() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_job_that_the_end_interrupts_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    timing, job = Timing(60.0), Noted()
    timing.start()
    timing.after(0.0, "job", job.run)
    await asyncio.wait_for(job.begun.wait(), 10)
    timing.stop()
    await asyncio.wait_for(job.ended.wait(), 10)
    await settled()
    assert errors(caplog) == []


async def test_nor_is_one_that_had_no_time_to_begin(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    timing, job = Timing(60.0), Noted()
    loop, made = asyncio.get_running_loop(), asyncio.Event()
    create_task = loop.create_task

    def stops(coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = create_task(coroutine, **options)
        loop.call_soon(made.set)
        task.cancel()
        return task

    timing.start()
    with monkeypatch.context() as patch:
        timing.after(0.0, "job", job.run)
        patch.setattr(loop, "create_task", stops)
        async with asyncio.timeout(10):
            while not made.is_set():
                await asyncio.sleep(0.005)
    await settled()
    timing.stop()
    assert not job.begun.is_set()
    assert errors(caplog) == []


async def test_a_job_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    timing, done = Timing(60.0), asyncio.Event()

    async def fails() -> None:
        done.set()
        raise ValueError("broken")

    timing.start()
    timing.after(0.0, "job", fails)
    await asyncio.wait_for(done.wait(), 10)
    await settled()
    timing.stop()
    assert any("job" in each for each in errors(caplog))
