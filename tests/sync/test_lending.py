"""A GitHub App reads and pushes with its installation token, which changes while we run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.engine.clock import SystemClock
from app.errors import RemoteUnreachable, Unavailable
from app.forges import Forges
from app.sync.lending import lender_of
from tests.forges.conftest import app_settings
from tests.forges.fake_github import FakeGitHub
from tests.forges.fake_github import serving as github_serving
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.git.server import GitServer, User
from tests.git.server import serving as git_serving
from tests.sync.rig import ANN, Rig, flow, path


class Accounts(dict[str, User]):
    """The installation tokens that a GitHub has given, and that have not ended."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__()
        self._github = github

    def get(self, name: str, default: object = None) -> User | None:  # type: ignore[override]
        tokens = list(self._github.tokens)
        return User(tokens[-1]) if name == "x-access-token" and tokens else None

    def __getitem__(self, name: str) -> User:
        found = self.get(name)
        assert found is not None
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[Rig, FakeGitHub, GitServer, Scratch]]:
    scratch = Scratch(tmp_path / "served" / "acme" / "flows.git")
    scratch.git("config", "http.receivepack", "true")
    scratch.commit({path("a"): flow("a", "1")})
    forges = Forges(SystemClock())
    with git_serving(tmp_path / "served") as git, github_serving(FakeGitHub()) as github:
        git.users = Accounts(github)
        repo = git.url("acme/flows.git")
        rig = Rig(tmp_path / "data", repo=repo, edit_mode="push")
        await rig.open()
        rig.sync.main.parts.forge = forges.of(app_settings(github, tmp_path, repo=repo))
        await rig.sync.start()
        yield rig, github, git, scratch
        await rig.stop()
        await forges.close()
        assert github.problems == []


async def test_an_app_reads_and_pushes(
    world: tuple[Rig, FakeGitHub, GitServer, Scratch],
) -> None:
    rig, github, git, scratch = world
    assert rig.runs("a").revision == 1
    made = await rig.sync.put_flow("main", "shop", "b", flow("b", "1", "shop").decode(), actor=ANN)
    assert scratch.tip() == made.commit
    assert len(github.tokens) == 1
    assert all(each.startswith(("Basic ", "")) for each in git.authorizations)
    github.tokens.clear()
    forge = rig.sync.main.parts.forge
    assert forge is not None
    forge._app.tokens.forget()  # type: ignore[attr-defined]
    scratch.commit({path("a"): flow("a", "2")})
    assert await rig.outcome() == "SYNCED"
    assert len(github.tokens) == 1, "a new token was asked for"
    (token,) = github.tokens
    for file in (rig.folder / "git").rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes()


async def test_a_forge_that_gives_none() -> None:
    forge = MemoryForge()
    lend = lender_of(forge)
    assert await asyncio.to_thread(lend) is None
    forge.token = ("x-access-token", "t")
    given = await asyncio.to_thread(lend)
    assert given is not None
    assert (given.username, given.password) == ("x-access-token", "t")
    forge.failures = [Unavailable("down")]
    with pytest.raises(RemoteUnreachable, match="down"):
        await asyncio.to_thread(lend)
    assert lender_of(None)() is None
