"""Drawing from generators in threads."""

import asyncio
import threading
from collections.abc import Generator

import pytest

from app.sync.drawing import Drawing
from tests.sync.rig import until


class Numbers:
    def __init__(self) -> None:
        self.closed = False
        self.go = threading.Event()
        self.inside = threading.Event()

    def __call__(self, stop_at: int = -1) -> Generator[int, None, None]:
        try:
            for number in range(5):
                if number == stop_at:
                    self.inside.set()
                    self.go.wait(10)
                yield number
        finally:
            self.closed = True


async def test_items_come_in_order_and_end() -> None:
    numbers = Numbers()
    with Drawing(numbers()) as drawing:
        assert await drawing.some(2) == [0, 1]
        assert await drawing.some(9) == [2, 3, 4]
        assert await drawing.some(9) == []
    assert numbers.closed


async def test_the_end_closes_what_is_left() -> None:
    numbers = Numbers()
    with Drawing(numbers()) as drawing:
        assert await drawing.some(1) == [0]
    assert numbers.closed
    assert await drawing.some(1) == []


async def test_a_cancelled_task_leaves_the_closing_to_the_thread() -> None:
    numbers = Numbers()

    async def draw() -> None:
        with Drawing(numbers(stop_at=1)) as drawing:
            await drawing.some(5)

    task = asyncio.create_task(draw())
    await until(numbers.inside.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not numbers.closed
    numbers.go.set()
    await until(lambda: numbers.closed)
