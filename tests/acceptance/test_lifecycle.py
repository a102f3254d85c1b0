"""The whole loop over HTTP and the command line: a pull request, an incident, a rollback.

A real Git server, a real service in a process of its own, GitHub's API played by a fake that holds
every request to GitHub's published description.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from app.ports import Check, PullRequest
from tests.forges.fake_github import APP_ID, FakeGitHub
from tests.forges.fake_github import serving as serving_github
from tests.git.scratch import Scratch
from tests.git.server import serving as serving_git
from tests.serving import headwater, service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATH = "tenants/main/namespaces/shop/flows/orders.yaml"
FLOW = """\
id: orders
namespace: shop
description: Places an order
tasks:
  - id: place
    type: io.kestra.plugin.core.http.Request
    uri: {uri}
    method: POST
"""
SPOILT = FLOW.replace("http.Request", "http.Reqest")
TEST = """\
id: orders-test
namespace: shop
flowId: orders
testCases:
  - id: it_places
    type: io.kestra.core.tests.flow.UnitTest
    fixtures:
      tasks:
        - id: place
          outputs: {code: 200}
    assertions:
      - value: "{{ outputs.place.code }}"
        equalTo: 200
"""


class Shop(BaseHTTPRequestHandler):
    """The microservice: its first version works, its second does not."""

    def do_POST(self) -> None:
        self.send_response(200 if self.path == "/v1" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Team:
    """A team with its repository, its forge and its service."""

    scratch: Scratch
    github: FakeGitHub
    shop: str
    server: str = ""

    def propose(self, number: int, text: str, *, new: bool) -> PullRequest:
        """Push a branch and open (or move) a pull request of it."""
        base = self.scratch.tip()
        head = self.scratch.commit(
            {PATH: text.encode()},
            branch=f"change-{number}",
            parents=[base] if new else None,
            subject="Order by version 2",
        )
        self.scratch.git("update-ref", f"refs/pull/{number}/head", head)
        world = self.github.world
        fields = {"title": "Order by version 2", "head_sha": head, "base_sha": base}
        if new:
            pull = world.add_pull(number, **fields, head_ref=f"change-{number}")
        else:
            pull = world.change_pull(number, **fields)
        self.tell("pull_request", action="opened" if new else "synchronize", **self.about(pull))
        return pull

    def merge(self, number: int) -> str:
        """Merge a pull request as GitHub does, and tell of it."""
        world, git = self.github.world, self.scratch.git
        pull = world.pull_requests[number]
        head, base = git("rev-parse", f"refs/heads/{pull.head_ref}"), self.scratch.tip()
        tree = git("merge-tree", "--write-tree", base, head)
        message = f"Merge pull request #{number}\n\n{pull.title}"
        merged = git("commit-tree", tree, "-p", base, "-p", head, "-m", message)
        git("update-ref", "refs/heads/main", merged)
        pull = world.change_pull(number, state="merged", merged_sha=merged, head_sha=head)
        self.tell("push", ref="refs/heads/main", before=base, after=merged)
        self.tell("pull_request", action="closed", **self.about(pull))
        return merged

    def about(self, pull: PullRequest) -> dict[str, Any]:
        side = {"repo": {"full_name": pull.head_repo}}
        return {
            "number": pull.number,
            "pull_request": {
                "number": pull.number,
                "state": "open" if pull.state == "open" else "closed",
                "merged": pull.state == "merged",
                "draft": False,
                "head": {"sha": pull.head_sha, "ref": pull.head_ref, **side},
                "base": {"sha": pull.base_sha, "ref": pull.base_ref, **side},
            },
        }

    def tell(self, event: str, **payload: Any) -> None:
        """Deliver a webhook."""
        payload |= {"repository": {"full_name": "acme/flows"}, "sender": {"login": "ann"}}
        status = self.github.deliver(f"{self.server}/api/v1/hooks/git/k3y", event, payload)
        assert status == 202, (event, status)

    def check(self, sha: str, context: str) -> Check:
        """Wait until a check has ended, and return it."""

        def ended() -> Check | None:
            found = self.github.world.check_of(sha, context)
            return found if found and found.state not in ("queued", "in_progress") else None

        return waited(ended, f"{context} of {sha[:8]}")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.server}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    def cli(self, *arguments: str, code: int = 0) -> str:
        done = headwater(*arguments, server=self.server)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout


def waited(ask: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    scratch = Scratch(tmp_path / "served" / "acme" / "flows.git")
    github = FakeGitHub()
    github.world.permissions["ann"] = "write"
    key = tmp_path / "app.pem"
    key.write_bytes(github.private_key)
    with serving_git(tmp_path / "served") as git, serving_github(github), shop() as address:
        test = "tenants/main/namespaces/shop/tests/orders.yaml"
        good = FLOW.format(uri=f"{address}/v1").encode()
        scratch.commit({PATH: good, test: TEST.encode()}, subject="Place orders")
        settings = {
            "HEADWATER_GIT__REPO": git.url("acme/flows.git"),
            "HEADWATER_GIT__USERNAME": "ann",
            "HEADWATER_GIT__TOKEN": git.users["ann"].password,
            "HEADWATER_GIT__HOOK_KEY": "k3y",
            "HEADWATER_GIT__HOOK_SECRET": github.secret,
            "HEADWATER_GIT__FORGE": "github",
            "HEADWATER_GIT__FORGE_URL": github.url,
            "HEADWATER_GIT__FORGE_APP_ID": APP_ID,
            "HEADWATER_GIT__FORGE_KEY_FILE": str(key),
            "HEADWATER_GIT__POLL_SECONDS": "3600",
        }
        with service(tmp_path / "data", **settings) as (server, _):
            yield Team(scratch, github, address, server)
    assert github.problems == []


def test_review_break_roll_back_mend(team: Team) -> None:
    world = team.github.world

    # A pull request with a mistake: a red check, at its line.
    pull = team.propose(7, SPOILT.format(uri=f"{team.shop}/v2"), new=True)
    red = team.check(pull.head_sha, "headwater/validate")
    assert red.state == "failure"
    line = SPOILT.splitlines().index("    type: io.kestra.plugin.core.http.Reqest") + 1
    assert [(each.path, each.line, each.level) for each in red.annotations] == [
        (PATH, line, "failure")
    ]

    # Mended: green, with a plan and the result of the tests; one comment, kept up to date.
    pull = team.propose(7, FLOW.format(uri=f"{team.shop}/v2"), new=False)
    assert team.check(pull.head_sha, "headwater/validate").state == "success"
    plan = team.check(pull.head_sha, "headwater/plan")
    assert plan.state == "success"
    assert "shop.orders" in plan.summary + plan.text + plan.title
    tests = team.check(pull.head_sha, "headwater/tests")
    assert tests.state == "success"
    assert "1" in tests.title
    (comment,) = waited(lambda: world.bodies(7), "the comment")
    assert "headwater-plan" in comment
    assert "orders" in comment

    # Merged: active at once (`scripts/bench --git` measures how soon), long before the next poll.
    bad = team.merge(7)
    waited(lambda: team.get("main/flows/shop/orders")["commit"] == bad, "the merge")

    # It fails in production; one call takes it back.
    failed = json.loads(team.cli("flow", "run", "shop", "orders", "--wait", "-o", "json", code=1))
    assert failed["state"]["current"] == "FAILED"
    assert failed["flowRevision"] == 2
    team.cli("flow", "rollback", "shop", "orders", "--reason", "orders fail")
    good = json.loads(team.cli("flow", "run", "shop", "orders", "--wait", "-o", "json"))
    assert good["state"]["current"] == "SUCCESS"
    assert good["flowRevision"] == 1
    status = waited(
        lambda: [
            each
            for each in world.published
            if each.sha == bad and each.state == "failure" and "rolled back" in each.title
        ],
        "the red status of the bad commit",
    )
    assert "orders fail" in status[0].title + status[0].summary

    # The revert is a pull request; merged, it makes the pin needless.
    def revert() -> PullRequest | None:
        made = [each for each in world.pull_requests.values() if each.number != 7]
        return made[0] if made else None

    back = waited(revert, "the revert's pull request")
    assert back.head_ref.startswith("headwater/revert/")
    assert "orders fail" in back.body
    assert [each["flowId"] for each in team.get("main/pins")] == ["orders"]
    reverted = team.merge(back.number)
    waited(lambda: team.get("main/flows/shop/orders")["commit"] == reverted, "the revert")
    waited(lambda: team.get("main/pins") == [], "the end of the pin")
    last = json.loads(team.cli("flow", "run", "shop", "orders", "--wait", "-o", "json"))
    assert (last["state"]["current"], last["flowRevision"]) == ("SUCCESS", 3)

    # The history tells this story.
    story = team.cli("flow", "history", "shop", "orders")
    for told in (bad[:8], reverted[:8], "Place orders", "rollback", "orders fail"):
        assert told in story, story
