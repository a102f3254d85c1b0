"""The commands of write back, against a service in a process of its own."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from tests.git.scratch import Scratch
from tests.serving import headwater, service
from tests.sync.rig import flow, path


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    made = Scratch(tmp_path_factory.mktemp("remote") / "flows.git")
    made.commit({path("a"): flow("a", "good")}, subject="Good")
    made.commit({path("a"): flow("a", "bad")}, subject="Bad")
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, remote: Scratch) -> Iterator[str]:
    data = tmp_path_factory.mktemp("changesets") / "data"
    with service(data, ["--repo", str(remote.path)]) as (address, _):
        yield address


def test_a_commit_is_reverted_and_restored(server: str, remote: Scratch) -> None:
    bad = remote.git("log", "--format=%H", "--grep=^Bad$", "main")
    tried = headwater("git", "revert", bad[:9], "--dry-run", server=server)
    assert "+    message: good" in tried.stdout, tried.stderr
    done = headwater("git", "revert", bad, "--reason", "it broke", "-o", "json", server=server)
    assert json.loads(done.stdout)["state"] == "ACTIVE", done.stderr
    again = headwater("git", "revert", bad, server=server)
    assert again.returncode == 5
    assert "nothing would change" in again.stderr
    back = headwater("flow", "restore", "shop.a", "--revision", "2", server=server)
    assert back.returncode == 0, back.stderr
    assert "ACTIVE" in back.stdout
    assert "bad" in remote.git("show", f"main:{path('a')}")


def test_changesets_are_listed_submitted_and_given_up(server: str, remote: Scratch) -> None:
    edit = {"namespace": "shop", "name": "n", "content": flow("n").decode()}
    wanted = {"title": "Add n", "edits": [edit]}
    url = f"{server}/api/v1/main/changesets"
    made = httpx2.post(url, json=wanted).json()["id"]
    listed = headwater("git", "changesets", "--state", "DRAFT", "-o", "name", server=server)
    assert listed.stdout.split() == [made], listed.stderr
    shown = headwater("git", "changesets", made, server=server)
    assert "Add n" in shown.stdout
    done = headwater("git", "changesets", made, "--submit", "-o", "json", server=server)
    assert json.loads(done.stdout)["commit"] == remote.tip(), done.stderr
    other = httpx2.post(url, json={"title": "No", "edits": [{**edit, "name": "m"}]}).json()["id"]
    gone = headwater("git", "changesets", other, "--abandon", server=server)
    assert "ABANDONED" in gone.stdout, gone.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["git", "revert"], 2),
        (["git", "changesets", "--submit"], 2),
        (["git", "changesets", "nothing"], 3),
        (["flow", "restore", "shop.a", "--revision", "99"], 3),
    ],
)
def test_what_cannot_be(server: str, arguments: list[str], code: int) -> None:
    assert headwater(*arguments, server=server).returncode == code
