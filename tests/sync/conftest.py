"""Repositories and sync services for the tests of `app.sync`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.git.scratch import Scratch
from tests.sync.rig import Rig

Start = Callable[..., Awaitable[Rig]]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """An empty bare repository, to be served as `acme.git`."""
    return Scratch(tmp_path / "served" / "acme.git")


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """A function that starts a service with Git settings; all are stopped in the end."""
    async with AsyncExitStack() as stack:

        async def begin(name: str = "data", url: str | None = None, **git: Any) -> Rig:
            return await stack.enter_async_context(Rig(tmp_path / name, url, **git).running())

        yield begin


@pytest.fixture
async def rig(start: Start, scratch: Scratch) -> Rig:
    """A service that follows the scratch repository."""
    return await start(repo=str(scratch.path))


@pytest.fixture
async def own(start: Start) -> Rig:
    """A service that keeps its own repository."""
    return await start()
