"""A remote by HTTP whose main branch may be protected, a forge in memory, and a service on both."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.engine.clock import SystemClock
from app.errors import HeadwaterError
from app.ports import NewPull, PullRequest
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.sync.rig import Rig

Begin = Callable[..., Awaitable[Rig]]

_PROTECTED = """#!/bin/sh
while read old new ref; do
  if [ "$ref" = refs/heads/main ]; then
    echo "GH006: Protected branch update failed for refs/heads/main." >&2
    exit 1
  fi
done
"""


def protect(scratch: Scratch) -> None:
    """Let the repository take no push to its main branch, by a real hook."""
    hook = scratch.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_PROTECTED)
    hook.chmod(0o755)


def unprotect(scratch: Scratch) -> None:
    (scratch.path / "hooks" / "pre-receive").unlink()


def merge_pull(scratch: Scratch, forge: MemoryForge, number: int, how: str = "merge") -> str:
    """Merge a pull request as a forge does: a merge commit, or everything as one new commit."""
    pull = forge.pull_requests[number]
    head, base = scratch.tip(pull.head_ref), scratch.tip()
    tree = scratch.git("merge-tree", "--write-tree", base, head)
    parents = ["-p", base, *(["-p", head] if how == "merge" else [])]
    sha = scratch.git("commit-tree", tree, *parents, "-m", f"Merge {number}")
    scratch.git("update-ref", "refs/heads/main", sha)
    forge.change_pull(number, state="merged", merged_sha=sha, head_sha=head)
    return sha


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """An empty bare repository, to be served as `acme.git`."""
    made = Scratch(tmp_path / "served" / "acme.git")
    made.git("config", "http.receivepack", "true")
    return made


@pytest.fixture
def server(tmp_path: Path, scratch: Scratch) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as app:
        yield app


class PickyForge(MemoryForge):
    """A forge that fails where pull requests are opened, and nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[HeadwaterError] = []
        """Raised by the next calls, one each."""
        self.down: HeadwaterError | None = None
        """Raised by every call, whoever makes it, until it is taken away."""

    async def open_pull(self, new: NewPull) -> PullRequest:
        if self.refused:
            raise self.refused.pop(0)
        if self.down is not None:
            raise self.down
        return await super().open_pull(new)


@pytest.fixture
def forge() -> PickyForge:
    return PickyForge()


@pytest.fixture
async def begin(tmp_path: Path, server: GitServer, forge: MemoryForge) -> AsyncIterator[Begin]:
    """A function that starts a service on the remote; with `edit_mode="pr"` it has the forge."""
    async with AsyncExitStack() as stack:

        async def start(name: str = "data", **git: Any) -> Rig:
            options = {"repo": server.url("acme.git"), "username": "ann", "token": "s3cret-token"}
            rig = ForgeRig(tmp_path / name, forge, **(options | git))
            return await stack.enter_async_context(rig.running())

        yield start


class Ahead(SystemClock):
    """A clock that can be put forward, by µs."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


class ForgeRig(Rig):
    """A rig whose sources have a forge."""

    def __init__(self, folder: Path, forge: MemoryForge, **git: Any) -> None:
        super().__init__(folder, **git)
        self.clock = Ahead()
        self.forge = forge

    async def open(self) -> None:
        await super().open()
        for worker in self.sync.workers:
            worker.parts.forge = self.forge
