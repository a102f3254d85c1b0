"""Repositories with pull requests, and services that review them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.git.scratch import Scratch
from tests.review.desk import Desk, flow, path

Begin = Callable[..., Awaitable[Desk]]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """A bare repository with flows in two namespaces."""
    scratch = Scratch(tmp_path / "served" / "acme.git")
    scratch.commit(
        {path("a"): flow("a"), path("b"): flow("b"), path("c", "other"): flow("c"), "README": b"x"}
    )
    return scratch


@pytest.fixture
async def begin(tmp_path: Path, scratch: Scratch) -> AsyncIterator[Begin]:
    """A function that starts a service with Git settings; all are stopped in the end."""
    async with AsyncExitStack() as stack:

        async def start(name: str = "data", **git: Any) -> Desk:
            desk = Desk(tmp_path / name, scratch, **git)
            await stack.enter_async_context(desk.running())
            return desk

        yield start


@pytest.fixture
async def desk(begin: Begin) -> Desk:
    """A service that reviews the pull requests of the scratch repository."""
    return await begin()
