"""Rights that end, in the middle of things; and what is seen beside the thing itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.access import Scope
from tests.access.world import FLOW, HIDDEN, OUTPUT, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAUSED = """
id: paused
namespace: shop
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
"""
LONGEST = 10
"""Seconds within which a stream ends: what is known of a token lasts five; a busy machine, too."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "data") as made:
        yield made


@pytest.mark.parametrize("path", ["executions/{}/follow", "logs/{}/follow"])
@pytest.mark.parametrize("end", ["revoked", "disabled", "unbound"])
async def test_streams_end_with_the_right(there: World, path: str, end: str) -> None:
    base, access = there.own.base, there.service.node.access
    await there.ask("POST", f"{base}/flows", there.owner, content=PAUSED)
    made = await there.ask("POST", f"{base}/executions/shop/paused", there.owner)
    member = await there.service.user(f"{end}-{path[:4]}", {"operator": Scope("main", "shop")})
    header = await there.service.token(member)
    url = f"{base}/{path.format(made.json()['id'])}"
    follower = asyncio.create_task(there.ask("GET", url, header))
    feeds = there.service.application.state.feeds
    async with asyncio.timeout(10):
        while not feeds.count:
            await asyncio.sleep(0.01)
    if end == "revoked":
        [token] = await access.tokens.of(member.id)
        await access.tokens.revoke(token.id, there.service.node.clock.now())
    elif end == "unbound":
        [binding] = await access.bindings.of([("user", member.id)])
        await access.bindings.remove(binding.id)
    else:
        await access.members.remove(member.id)
    async with asyncio.timeout(LONGEST):
        answer = await follower
    assert answer.status_code == 200
    assert b"id: end" not in answer.content
    assert feeds.count == 0


async def test_commits_of_others_stay_theirs(there: World) -> None:
    """The newest commit is of another namespace: an execution here does not tell of it."""
    base = there.own.base
    source = FLOW.format(namespace="hidden.lab", flow="hidden-later")
    await there.ask("POST", f"{base}/flows", there.owner, content=source)
    ran = await there.ask("POST", f"{base}/executions/shop/flow-a?wait=true", there.local)
    assert ran.status_code == 200
    assert HIDDEN not in ran.content
    commits = await there.ask("GET", f"{base}/flows/hidden.lab/hidden-later/revisions", there.owner)
    theirs = commits.json()[0]["commit"]
    for commit in (theirs, theirs[:4], "0" * 40):
        answer = await there.ask("GET", f"{base}/flows/shop/no-such?commit={commit}", there.local)
        assert (answer.status_code, theirs in answer.text.replace(commit, "")) == (404, False)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("{{ kv('flow-a-key') }}", "v"),
        ("{{ kv('hidden-flow-key', 'hidden.lab') }}", None),
        ("{{ read('hidden-flow.txt', namespace='hidden.lab') }}", None),
        ("{{ read('kestra:///hidden/lab/_files/hidden-flow.txt') }}", None),
        ("{{ fileExists('hidden-flow.txt', namespace='hidden.lab') }}", None),
    ],
)
async def test_expressions_read_what_one_may_read(
    there: World, expression: str, answer: str | None
) -> None:
    path = f"{there.own.base}/executions/{there.own.names['execution_id']}/eval"
    told = await there.ask("POST", path, there.local, content=expression)
    assert b"text of" not in told.content
    assert told.json().get("result") == answer
    assert ("error" in told.json()) is (answer is None)


async def test_who_may_not_write_flows_calls_nothing(there: World) -> None:
    path = f"{there.own.base}/executions/{there.own.names['execution_id']}/eval"
    expression = "{{ http(uri='http://127.0.0.1:9/') }}"
    answer = await there.ask("POST", path, there.roles["operator"], content=expression)
    assert answer.json()["error"] == "you may not use http() here"


async def test_who_lost_the_right_while_waiting_gets_no_outputs(there: World) -> None:
    base, access = there.own.base, there.service.node.access
    source = FLOW.format(namespace="shop", flow="waits").split("triggers:")[0]
    source += "  - id: wait\n    type: io.kestra.plugin.core.flow.Pause\n"
    await there.ask("POST", f"{base}/flows", there.owner, content=source)
    member = await there.service.user("waiting", {"operator": Scope("main", "shop")})
    header = await there.service.token(member)
    asked = there.ask("POST", f"{base}/executions/shop/waits?wait=true", header)
    waiting = asyncio.create_task(asked)
    async with asyncio.timeout(10):
        query = f"{base}/executions/search?flowId=waits&state=PAUSED"
        while not (found := (await there.ask("GET", query, there.owner)).json()["results"]):
            await asyncio.sleep(0.01)
    assert OUTPUT in str(found)
    [binding] = await access.bindings.of([("user", member.id)])
    await access.bindings.remove(binding.id)
    await there.ask("POST", f"{base}/executions/{found[0]['id']}/resume", there.owner)
    async with asyncio.timeout(10):
        answer = await waiting
    assert answer.json()["state"]["current"] == "SUCCESS"
    assert OUTPUT not in answer.text
