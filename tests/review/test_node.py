"""A whole node before a GitHub on loopback: signed webhooks in, check runs and comments out."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.config import load_settings
from app.main import create_app
from app.node import Node
from tests.forges.fake_github import APP_ID, FakeGitHub, serving
from tests.git.scratch import Content, Scratch
from tests.sync.rig import BROKEN, flow, path

KEY = "reviews"
SUITE = "tenants/main/namespaces/shop/tests/a.yaml"
TEST = b"""id: of-a
namespace: shop
flowId: a
testCases:
  - id: it-says-so
    type: io.kestra.core.tests.flow.UnitTest
    assertions:
      - value: "{{ outputs.say.value }}"
        equalTo: hello
"""


def says(text: str) -> bytes:
    return (
        "id: a\nnamespace: shop\ntasks:\n  - id: say\n"
        f"    type: io.kestra.plugin.core.debug.Return\n    format: {text}\n"
    ).encode()


class House:
    """A node, its repository, and the forge that both belong to."""

    def __init__(self, http: httpx2.AsyncClient, node: Node, scratch: Scratch, fake: FakeGitHub):
        self.http = http
        self.node = node
        self.scratch = scratch
        self.fake = fake
        self.world = fake.world

    def push(self, number: int, changes: Mapping[str, Content], **pull: Any) -> str:
        branch = f"change-{number}"
        head = self.scratch.commit(changes, branch=branch, parents=[self.scratch.tip()])
        self.scratch.git("update-ref", f"refs/pull/{number}/head", head)
        if number in self.world.pull_requests:
            self.world.change_pull(number, head_sha=head, **pull)
        else:
            self.world.add_pull(number, head_sha=head, **pull)
        return head

    async def hook(self, event: str, **payload: Any) -> None:
        """Deliver a webhook and wait for what comes of it."""
        body = {"repository": {"full_name": "acme/flows"}, "sender": {"login": "boss"}, **payload}
        headers, data = self.fake.signed(event, body, str(uuid.uuid4()))
        answer = await self.http.post(f"/api/v1/hooks/git/{KEY}", headers=headers, content=data)
        assert answer.status_code == 202, answer.text
        assert "ignored" not in answer.json(), answer.text
        await self.node.sync.inbox.settled()
        await self.node.reviews.settled()

    async def pull(self, action: str, number: int) -> None:
        pull = self.world.pull_requests[number]
        head, base = {"sha": pull.head_sha}, {"ref": pull.base_ref}
        told = {"number": number, "head": head, "base": base}
        await self.hook("pull_request", action=action, number=number, pull_request=told)

    async def comment(self, number: int, author: str, text: str) -> None:
        comment = self.world.say(number, author, text)
        await self.hook(
            "issue_comment",
            action="created",
            issue={"number": number, "pull_request": {"url": "x"}},
            comment={"id": int(comment), "body": text},
        )

    async def get(self, address: str, status: int = 200) -> Any:
        answer = await self.http.get(f"/api/v1/{address}")
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    def states(self, sha: str) -> dict[str, str]:
        told = {each.context: each.state for each in self.world.checks.values() if each.sha == sha}
        return {name.removeprefix("headwater/"): state for name, state in told.items()}


@asynccontextmanager
async def serve(
    folder: Path, scratch: Scratch, fake: FakeGitHub, **git: Any
) -> AsyncIterator[House]:
    settings = load_settings(
        data_dir=folder / "data",
        access={"login": "none"},
        git={
            "repo": str(scratch.path),
            "allow_file_protocol": True,
            "poll_seconds": 3600,
            "forge": "github",
            "forge_url": fake.url,
            "hook_key": KEY,
            "hook_secret": fake.secret,
            **git,
        },
        engine={"drain_seconds": 0.1},
    )
    application: Any = create_app(settings)
    async with application.router.lifespan_context(application):
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield House(http, application.state.node, scratch, fake)


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    scratch = Scratch(tmp_path / "acme" / "flows.git")
    scratch.commit({path("a"): says("hello"), path("b"): flow("b"), SUITE: TEST})
    return scratch


@pytest.fixture
async def house(tmp_path: Path, scratch: Scratch) -> AsyncIterator[House]:
    """A node that is a GitHub App; whatever GitHub's description has not fails the test."""
    with serving(FakeGitHub()) as fake:
        key = tmp_path / "app.pem"
        key.write_bytes(fake.private_key)
        app = {"forge_app_id": APP_ID, "forge_key_file": key}
        async with serve(tmp_path, scratch, fake, **app) as house:
            house.world.permissions |= {"boss": "admin", "eve": "read"}
            yield house
    assert fake.problems == []


async def test_a_pull_request_from_its_opening_to_its_end(house: House) -> None:
    head = house.push(7, {path("a"): says("goodbye")})
    await house.pull("opened", 7)
    assert house.states(head) == {"validate": "success", "plan": "success", "tests": "failure"}
    [comment] = house.world.bodies(7)
    assert comment.startswith("<!-- headwater-plan v1 source=main -->")

    better = house.push(7, {path("a"): says("hello").replace(b"hello", b'"hello"')})
    await house.pull("synchronize", 7)
    assert house.states(better) == dict.fromkeys(("validate", "plan", "tests"), "success")
    assert len(house.world.bodies(7)) == 1

    listed = await house.get("pulls?source=main&state=open")
    assert [(each["number"], each["headSha"]) for each in listed] == [(7, better)]
    found = await house.get("pulls/main/7")
    assert [each["outcome"] for each in found["reviews"] if each["state"] == "done"] == [
        "success",
        "failure",
    ]
    plan = await house.get("pulls/main/7/plan")
    assert (plan["head"], plan["base"]) == (better, house.scratch.tip())
    assert plan["plan"]["namespaces"][0]["flows"][0]["id"] == "a"
    tests = await house.get("pulls/main/7/tests")
    assert [each["state"] for each in tests["suites"]] == ["SUCCESS"]
    assert "<testsuites" in await house.get("pulls/main/7/tests?format=junit")

    house.world.change_pull(7, state="merged", merged_sha=better)
    await house.pull("closed", 7)
    assert await house.get("pulls?state=open") == []
    assert [each["number"] for each in await house.get("pulls?state=merged")] == [7]


async def test_annotations_stand_where_the_mistake_is(house: House) -> None:
    head = house.push(7, {path("broken"): BROKEN})
    await house.pull("opened", 7)
    [note] = house.world.annotations(head, "headwater/validate") or [
        note
        for each in house.world.checks.values()
        if each.context == "headwater/validate"
        for note in each.annotations
    ]
    assert (note.path, note.line, note.level) == (path("broken"), 4, "failure")


async def test_commands_from_the_first_comment_to_the_pin(house: House) -> None:
    head = house.push(7, {path("a"): says("goodbye")}, head_repo="stranger/flows")
    await house.pull("opened", 7)
    assert house.states(head)["tests"] == "queued"
    await house.comment(7, "eve", f"/headwater ok-to-test {head}")
    assert house.states(head)["tests"] == "queued"
    await house.comment(7, "boss", f"/headwater ok-to-test {head}")
    assert house.states(head)["tests"] == "failure"
    await house.comment(7, "boss", "/headwater pin shop.a 1 it works")
    assert [each.reason for each in await house.node.sync.pins()] == ["it works"]
    assert len(house.world.eyes) >= 2


async def test_a_base_that_moves_is_planned_again(house: House) -> None:
    head = house.push(7, {path("a"): says('"hello"')})
    await house.pull("opened", 7)
    house.scratch.commit({path("c"): b"id: a\nnamespace: shop\ntasks: []\n"})
    await house.node.sync.sync()
    await house.node.sync.reporter.settled()
    await house.node.reviews.settled()
    base = (await house.get("pulls/main/7/plan"))["base"]
    assert base == house.scratch.tip()
    assert house.states(head)["validate"] == "failure"


async def test_statuses_with_a_plain_token(tmp_path: Path, scratch: Scratch) -> None:
    with serving(FakeGitHub()) as fake:
        async with serve(tmp_path, scratch, fake, forge_token=fake.token) as house:
            head = house.push(7, {path("a"): says("goodbye")})
            await house.pull("opened", 7)
            assert house.states(head) == {
                "validate": "success",
                "plan": "success",
                "tests": "failure",
            }
    assert fake.problems == []


async def test_what_there_is_not_is_not_found(house: House) -> None:
    await house.get("pulls/main/7", 404)
    await house.get("pulls/other/7", 404)
    await house.get("pulls?source=other", 404)
    await house.get("pulls/main/0", 404)
    house.push(7, {path("a"): says("x")})
    assert await house.get("pulls/main/7/plan", 404)


async def test_executions_that_go_on_are_told(house: House) -> None:
    pause = (
        b"id: waits\nnamespace: shop\ntasks:\n  - id: ask\n"
        b"    type: io.kestra.plugin.core.flow.Pause\n"
    )
    house.scratch.commit({path("waits"): pause})
    await house.node.sync.sync()
    answer = await house.http.post("/api/v1/main/executions/shop/waits")
    assert answer.status_code == 200, answer.text
    execution = answer.json()["id"]
    house.push(7, {path("waits"): None})
    await house.pull("opened", 7)
    plan = (await house.get("pulls/main/7/plan"))["plan"]
    [gone] = plan["namespaces"][0]["flows"]
    assert gone["kind"] == "removed"
    assert [each["id"] for each in gone["running"]] == [execution]
    assert gone["users"] == 1
