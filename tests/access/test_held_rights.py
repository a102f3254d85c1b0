"""Rights that one has for something else, or no longer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.access import ROLES, Grant, Permission, Scope
from tests.access.service import service
from tests.access.world import FLOW, OUTPUT, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "data") as made:
        yield made


async def test_lent_credentials_are_for_what_they_were_lent_to(tmp_path: Path) -> None:
    lender = {"repo": "https://git.example.test/secret.git", "token": "t", "username": "u"}
    async with service(tmp_path / "data", sources={"lender": lender}) as running:
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        admin = await running.token(await running.user("mallory", {"admin": Scope("team")}))
        wish = {
            "id": "team", "repo": "https://git.example.test/team.git", "layout": "kestra",
            "tenant": "team", "credentials": "lender",
        }  # fmt: skip
        assert await running.status("/api/v1/sources", "POST", headers=admin, json=wish) == 404
        assert await running.status("/api/v1/sources", "POST", headers=root, json=wish) == 201
        path = "/api/v1/sources/team"
        for change, status in (
            ({"atomic": "flow"}, 200),
            ({"repo": lender["repo"]}, 404),
            ({"forge": "github"}, 404),
        ):
            assert await running.status(path, "PATCH", headers=admin, json=change) == status


async def test_who_may_not_resume_lets_no_pause_pass(there: World) -> None:
    base = there.own.base
    source = (
        "id: approved\nnamespace: shop\ntasks:\n"
        "  - {id: ask, type: io.kestra.plugin.core.flow.Pause}\n"
    )
    await there.ask("POST", f"{base}/flows", there.owner, content=source)
    member = await there.service.user("restarter", {"operator": Scope("main", "shop")})
    some = ROLES["operator"].permissions - {Permission.EXECUTION_RESUME}
    header = await there.service.token(member, (Grant(some, Scope("main")),))
    made = (await there.ask("POST", f"{base}/executions/shop/approved", there.owner)).json()
    path = f"{base}/executions/{made['id']}"
    async with asyncio.timeout(10):
        while made["state"]["current"] != "PAUSED":
            made = (await there.ask("GET", path, there.owner)).json()
    assert (await there.ask("POST", f"{path}/resume", header)).status_code == 403
    wish = {"taskRunId": made["taskRunList"][0]["id"], "state": "SUCCESS"}
    assert (await there.ask("POST", f"{path}/state", header, json=wish)).status_code == 403


async def test_eval_reads_no_keys_above_ones_reach(there: World) -> None:
    base = there.own.base
    source = FLOW.format(namespace="shop.till", flow="below")
    await there.ask("POST", f"{base}/flows", there.owner, content=source)
    ran = await there.ask("POST", f"{base}/executions/shop.till/below?wait=true", there.owner)
    member = await there.service.user("cashier", {"operator": Scope("main", "shop.till")})
    header = await there.service.token(member)
    path = f"{base}/namespaces/shop.till/kv/inheritance"
    assert (await there.ask("GET", path, header)).json() == []
    path = f"{base}/executions/{ran.json()['id']}/eval"
    told = await there.ask("POST", path, header, content="{{ kv('flow-a-key') }}")
    assert told.json().get("result") != "v"
    seen = await there.ask("POST", path, there.local, content="{{ kv('flow-a-key') }}")
    assert seen.json() == {"result": "v"}


async def test_streams_show_outputs_no_longer_than_one_may_see_them(there: World) -> None:
    base, access = there.own.base, there.service.node.access
    pause = "tasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Pause}\n"
    source = FLOW.format(namespace="shop", flow="waiting").split("triggers:")[0]
    source = source.replace("tasks:\n", pause, 1)
    await there.ask("POST", f"{base}/flows", there.owner, content=source)
    made = (await there.ask("POST", f"{base}/executions/shop/waiting", there.owner)).json()
    member = await there.service.user("demoted", {"operator": Scope("main", "shop")})
    header = await there.service.token(member)
    path = f"{base}/executions/{made['id']}"
    follower = asyncio.create_task(there.ask("GET", f"{path}/follow", header))
    feeds = there.service.application.state.feeds
    async with asyncio.timeout(10):
        while not feeds.count:
            await asyncio.sleep(0.01)
    [binding] = await access.bindings.of([("user", member.id)])
    await there.service.bind(member, {"viewer": Scope("main", "shop")})
    await access.bindings.remove(binding.id)
    await there.ask("POST", f"{path}/resume", there.owner)
    async with asyncio.timeout(10):
        answer = await follower
    assert OUTPUT not in answer.text
