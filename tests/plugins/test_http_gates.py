"""At most so many at once, in the order they came, and no place is ever lost."""

import asyncio

import pytest

from app.plugins.http.gates import Gate


async def test_lets_in_as_many_as_there_are_places() -> None:
    gate = Gate(2)
    await gate.enter(1)
    await gate.enter(1)
    with pytest.raises(TimeoutError):
        await gate.enter(0.01)
    assert not gate.idle
    gate.leave()
    await gate.enter(0.01)
    gate.leave()
    gate.leave()
    assert gate.idle


async def test_first_come_first_served() -> None:
    gate = Gate(1)
    await gate.enter(1)
    order: list[int] = []

    async def visit(number: int) -> None:
        await gate.enter(5)
        order.append(number)
        gate.leave()

    visits = [asyncio.ensure_future(visit(number)) for number in range(10)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*visits)
    assert order == list(range(10))
    assert gate.idle


async def test_a_place_given_to_one_who_is_cancelled_goes_on() -> None:
    gate = Gate(1)
    await gate.enter(1)
    waiting = asyncio.ensure_future(gate.enter(5))
    await asyncio.sleep(0)
    gate.leave()  # the place is his now, but he has not run yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.idle
    await gate.enter(0.01)
