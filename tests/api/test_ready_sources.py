"""Whether a node takes work, by its sources."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app.api.health import _git
from app.db.records import Condition, Source
from app.errors import Unavailable

READY = Condition("Ready", True, "Synced", "", 0)
LOST = Condition("Ready", False, "AuthFailed", "the token was refused", 0)
MAIN = Source("main", "main", "https://forge.example/a.git", "main", last_applied="c" * 40)
TEAM = replace(MAIN, id="team", last_applied=None)


class Copy:
    """Our copy of a repository: it lacks the commits that start with `d`."""

    def check(self, commit: str) -> None:
        if commit.startswith("d"):
            raise Unavailable(f"commit {commit[:4]} is not fetched yet")


def node(*sources: Source) -> Any:
    parts = SimpleNamespace(repository=Copy())
    workers = [SimpleNamespace(id=each.id, source=each, parts=parts) for each in sources]
    return SimpleNamespace(sync=SimpleNamespace(workers=workers))


@pytest.mark.parametrize(
    ("team", "reason"),
    [
        (TEAM, "source team: the repository was not read yet"),
        (replace(TEAM, conditions=(LOST,)), "source team: the token was refused"),
        (replace(TEAM, conditions=(READY,)), ""),
        (replace(TEAM, conditions=(LOST,), last_applied="e" * 40), ""),
        (replace(TEAM, last_applied="d" * 40), "source team: commit dddd is not fetched yet"),
        (replace(TEAM, conditions=(LOST,), origin="api"), ""),
        (replace(TEAM, conditions=(LOST,), suspended_at=1), ""),
    ],
)
async def test_each_source_that_is_configured(team: Source, reason: str) -> None:
    assert await _git(node(MAIN, team)) == reason
