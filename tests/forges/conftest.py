"""Forges for tests: the one in memory, and real clients before fakes on loopback."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import SourceSettings
from app.engine.clock import SystemClock
from app.forges import Forges
from app.ports import Forge
from tests.forges.fake_github import APP_ID, FakeGitHub, serving

REPOSITORY = "https://git.example/acme/flows.git"


@pytest.fixture
async def forges() -> AsyncIterator[Forges]:
    """The factory of a node."""
    made = Forges(SystemClock())
    yield made
    await made.close()


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub; whatever was not as its description has it fails the test."""
    with serving(FakeGitHub()) as fake:
        yield fake
    assert fake.problems == []


def token_settings(fake: FakeGitHub, **more: Any) -> SourceSettings:
    fields = {"repo": REPOSITORY, "forge": "github", "forge_url": fake.url}
    return SourceSettings(**(fields | {"forge_token": fake.token} | more))


def app_settings(fake: FakeGitHub, folder: Path, **more: Any) -> SourceSettings:
    key = folder / "app.pem"
    key.write_bytes(fake.private_key)
    app = {"forge_app_id": APP_ID, "forge_key_file": key, "forge_token": None}
    return token_settings(fake, **(app | more))


@pytest.fixture
def as_user(forges: Forges, github: FakeGitHub) -> Forge:
    """A client of GitHub with a token."""
    forge = forges.of(token_settings(github))
    assert forge is not None
    return forge


@pytest.fixture
def as_app(forges: Forges, github: FakeGitHub, tmp_path: Path) -> Forge:
    """A client of GitHub that is an App."""
    forge = forges.of(app_settings(github, tmp_path))
    assert forge is not None
    return forge
