"""Opening our copy of a repository: once, however many wait for it and give up."""

import asyncio
import threading
from typing import Any

import pytest

from app.errors import RemoteUnreachable
from app.sync import opening
from app.sync.opening import open_copy, opened
from app.sync.origin import Origin
from tests.git.scratch import Scratch
from tests.sync.rig import Rig, flow, path


class Slow:
    """Opens repositories once it may, and counts them."""

    def __init__(self) -> None:
        self.count = 0
        self.may = threading.Event()
        self.fails = False

    def __call__(self, *given: Any) -> Origin:
        self.count += 1
        self.may.wait(10)
        if self.fails:
            raise RemoteUnreachable("it does not answer")
        return Origin(*given)


@pytest.fixture
async def slow(rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """What opens the copy of a service that was stopped, and is not started yet."""
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    await rig.stop()
    await rig.open()
    made = Slow()
    monkeypatch.setattr(opening, "Origin", made)
    monkeypatch.setattr(opening, "_SECONDS", 0.01)
    return made


async def test_who_gives_up_leaves_it_to_the_next(rig: Rig, slow: Slow) -> None:
    parts = rig.sync.main.parts
    await open_copy(parts)
    assert parts.origin is None
    waiting = [asyncio.create_task(opened(parts)) for _ in range(2)]
    await asyncio.sleep(0)
    slow.may.set()
    first, second = await asyncio.gather(*waiting)
    assert first is second is parts.origin
    assert slow.count == 1


async def test_what_could_not_be_opened_is_tried_again(rig: Rig, slow: Slow) -> None:
    parts = rig.sync.main.parts
    slow.fails = True
    slow.may.set()
    with pytest.raises(RemoteUnreachable):
        await opened(parts)
    slow.fails = False
    assert await opened(parts) is parts.origin
