"""What the log says of sources that are not ready, and that are ready again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.db.records import Condition
from app.sync.transitions import Transitions
from tests.git.scratch import Scratch
from tests.git.server import serving
from tests.sync.conftest import Start
from tests.sync.rig import BROKEN, Rig, flow, path


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def told(lines: list[Any]) -> list[tuple[str, str]]:
    """Return level and reason of what is said about the readiness of sources."""
    of_sources = [each for each in lines if each["event"].startswith("source ")]
    return [(each["log_level"], each.get("reason", "")) for each in of_sources]


async def test_each_transition_is_logged_once(
    logged: list[Any], rig: Rig, scratch: Scratch
) -> None:
    commit = scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    logged.clear()
    scratch.git("update-ref", "-d", "refs/heads/main")
    await rig.outcome()
    await rig.outcome()
    assert told(logged) == [("warning", "RefNotFound")]
    assert (logged[0]["source"], "no branch or tag" in logged[0]["message"]) == ("main", True)
    scratch.git("update-ref", "refs/heads/main", commit)
    await rig.outcome()
    await rig.outcome()
    scratch.commit({path("b"): BROKEN})
    await rig.outcome()
    assert told(logged)[1:] == [("info", ""), ("warning", "InvalidFlows")]
    logged.clear()
    await rig.restart()
    await rig.outcome()
    assert told(logged) == [("warning", "InvalidFlows")], "the log of a process tells it all"


async def test_a_repository_that_is_not_there(
    logged: list[Any], start: Start, tmp_path: Path
) -> None:
    await start(repo=str(tmp_path / "nowhere"))
    assert [level for level, _ in told(logged)] == ["warning"]


async def test_no_credential_is_logged(
    logged: list[Any], start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    scratch.commit({path("a"): flow("a")})
    with serving(tmp_path / "served") as server:
        await start(repo=server.url("acme.git"), username="ann", token="wrong-secret")
    assert told(logged) == [("warning", "AuthFailed")]
    assert "wrong-secret" not in str(logged)


def test_a_hold_is_named(logged: list[Any]) -> None:
    held = Condition("Held", True, "PruneLimit", "50 flows would go", 0)
    Transitions("team").tell((), (Condition("Ready", False, "Held", "", 0), held))
    assert (logged[0]["reason"], logged[0]["message"]) == ("PruneLimit", "50 flows would go")
