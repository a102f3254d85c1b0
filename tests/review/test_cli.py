"""`headwater git pulls` against a service whose start finds the pull requests."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.forges.fake_github import FakeGitHub, serving
from tests.git.scratch import Scratch
from tests.serving import headwater, service
from tests.sync.rig import BROKEN, flow, path


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service, and a forge with one good and one bad pull request and a draft."""
    folder = tmp_path_factory.mktemp("cli")
    scratch = Scratch(folder / "acme" / "flows.git")
    scratch.commit({path("a"): flow("a")})
    with serving(FakeGitHub()) as fake:
        changes = {7: {path("a"): flow("a", "new")}, 8: {path("bad"): BROKEN}, 9: {"x": b"x"}}
        for number, files in changes.items():
            head = scratch.commit(dict(files), branch=f"b{number}", parents=[scratch.tip()])
            scratch.git("update-ref", f"refs/pull/{number}/head", head)
            fake.world.add_pull(number, head_sha=head, draft=number == 9)
        settings = {
            "HEADWATER_GIT__REPO": str(scratch.path),
            "HEADWATER_GIT__FORGE": "github",
            "HEADWATER_GIT__FORGE_URL": fake.url,
            "HEADWATER_GIT__FORGE_TOKEN": fake.token,
        }
        with service(folder / "data", **settings) as (address, _):
            deadline = time.monotonic() + 30
            while not all(reviewed(address, number) for number in changes):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield address
    assert fake.problems == []


def reviewed(address: str, number: int) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/v1/pulls/main/{number}", timeout=10) as answer:
            found: Any = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    return any(each["state"] == "done" for each in found.get("reviews", ()))


def test_pull_requests_are_listed(address: str) -> None:
    done = headwater("git", "pulls", server=address)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [(line[0], line[1]) for line in lines[1:]] == [
        ("9", "draft"),
        ("8", "open"),
        ("7", "open"),
    ]
    assert headwater("git", "pulls", "-o", "name", server=address).stdout == "9\n8\n7\n"


def test_one_is_shown_with_its_last_review(address: str) -> None:
    done = headwater("git", "pulls", "7", server=address)
    assert done.returncode == 0, done.stderr
    assert "success" in done.stdout
    assert "main/shop" in done.stdout


def test_a_review_that_failed_is_an_exit_code(address: str) -> None:
    done = headwater("git", "pulls", "8", server=address)
    assert done.returncode == 1
    assert "UNKNOWN_TYPE" in done.stdout
    assert f"{path('bad')}:4" in done.stdout


def test_one_that_there_is_not(address: str) -> None:
    done = headwater("git", "pulls", "99", server=address)
    assert done.returncode == 3
    assert "no pull request 99" in done.stderr
