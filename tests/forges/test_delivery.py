"""The whole service in its own process, behind a GitHub that delivers to it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.forges.conftest import app_settings
from tests.forges.fake_github import APP_ID, FakeGitHub, hooked
from tests.git.scratch import Scratch
from tests.git.server import User
from tests.git.server import serving as git_serving
from tests.serving import headwater, service
from tests.sync.rig import flow, path


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def revision(address: str) -> int:
    answer = httpx2.get(f"{address}/api/v1/main/flows/shop/a")
    return int(answer.json().get("revision", 0)) if answer.status_code == 200 else 0


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "served" / "acme" / "flows.git")
    made.commit({path("a"): flow("a", "1")})
    return made


@pytest.fixture
def address(github: FakeGitHub, scratch: Scratch, tmp_path: Path) -> Iterator[str]:
    """A service that follows the repository, as an App of this GitHub."""
    with git_serving(tmp_path / "served") as git:
        git.users = {"x-access-token": User("plain")}
        settings = {
            "GIT__REPO": git.url("acme/flows.git"),
            "GIT__TOKEN": "plain",
            "GIT__POLL_SECONDS": "3600",
            "GIT__HOOK_KEY": "opaque",
            "GIT__HOOK_SECRET": github.secret,
            "GIT__FORGE": "github",
            "GIT__FORGE_URL": github.url,
            "GIT__FORGE_APP_ID": APP_ID,
            "GIT__FORGE_KEY_FILE": str(app_settings(github, tmp_path).forge_key_file),
        }
        environment = {f"HEADWATER_{name}": value for name, value in settings.items()}
        with service(tmp_path / "data", **environment) as (found, _):
            until(lambda: revision(found) == 1)
            yield found


def hook_of(address: str) -> str:
    return f"{address}/api/v1/hooks/git/opaque"


def test_a_push_at_github_is_active_soon(
    github: FakeGitHub, scratch: Scratch, address: str
) -> None:
    tip = scratch.commit({path("a"): flow("a", "2")})
    payload = {
        "ref": "refs/heads/main",
        "after": tip,
        "repository": {"full_name": "acme/flows"},
    }
    assert github.deliver(hook_of(address), "push", payload) == 202
    until(lambda: revision(address) == 2)  # which no poll does: the next one is in an hour
    told = headwater("git", "deliveries", "-o", "json", server=address)
    assert told.returncode == 0, told.stderr
    assert '"push"' in told.stdout
    (delivery,) = headwater("git", "deliveries", "-o", "name", server=address).stdout.split()
    again = headwater("git", "deliveries", "replay", delivery, server=address)
    assert again.returncode == 0, again.stderr
    missing = headwater("git", "deliveries", "replay", "nothing", server=address)
    assert missing.returncode == 3
    github.secret = "another"
    assert github.deliver(hook_of(address), "push", payload) == 401


def test_a_pull_request_gets_its_checks(github: FakeGitHub, scratch: Scratch, address: str) -> None:
    base = scratch.tip()
    bad = b"id: b\ntasks:\n  - id: x\n    type: no.such.Type\n"
    head = scratch.commit({path("b"): bad}, branch="change", parents=[base])
    scratch.git("update-ref", "refs/pull/1/head", head)
    github.world.permissions["ann"] = "write"
    pull = github.world.add_pull(1, head_sha=head, base_sha=base, head_ref="change")
    payload = {
        "action": "opened",
        "pull_request": {
            "number": 1,
            "head": {"sha": head, "ref": "change"},
            "base": {"ref": "main", "sha": pull.base_sha},
        },
        "repository": {"full_name": "acme/flows"},
        "sender": {"login": "ann"},
    }
    assert github.deliver(hook_of(address), "pull_request", payload) == 202

    def result() -> Any:
        found = github.world.check_of(head, "headwater/validate")
        return found if found and found.state not in ("queued", "in_progress") else None

    check = until(result)
    assert check.state == "failure"
    (note,) = [each for each in check.annotations if each.path == path("b")]
    assert (note.level, note.line) == ("failure", 4)


@pytest.mark.parametrize("lost", [1, 3])
async def test_what_could_not_be_delivered_is_asked_for_again(
    github: FakeGitHub, lost: int, as_app: Any
) -> None:
    """The service was down while GitHub called; afterwards GitHub is asked to call again."""
    hook = "http://127.0.0.1:9/api/v1/hooks/git/opaque"
    hooked(github.world, hook, "push")
    for number in range(lost):
        status = await asyncio.to_thread(github.deliver, hook, "push", {"n": number})
        assert status == 0
    found = await as_app.hook(hook)
    failed = await as_app.failed_deliveries(found, "2020-01-01T00:00:00Z")
    assert len(failed) == lost
    for each in failed:
        await as_app.redeliver(found, each)
    assert github.world.redelivered == [each.id for each in failed]
    async with asyncio.timeout(10):
        while len(github.world.deliveries) < 2 * lost:
            await asyncio.sleep(0.01)
    assert {each.guid for each in github.world.deliveries} == {each.guid for each in failed}
