"""Two sources, each of a tenant: who of one tenant sees nothing of the other's repository."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from app.access import Scope
from app.db.deliveries import StoredDelivery
from tests.access.service import Service, service
from tests.access.world import FLOW

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Two(NamedTuple):
    """The service and the headers of callers: of each tenant, and of the instance."""

    running: Service
    main: dict[str, str]
    team: dict[str, str]
    viewer: dict[str, str]
    owner: dict[str, str]

    async def ask(self, method: str, path: str, by: dict[str, str], **more: Any) -> Any:
        return await self.running.http.request(method, f"/api/v1/{path}", headers=by, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    data: Path = tmp_path_factory.mktemp("two") / "data"
    sources = {"team": {"layout": "kestra", "tenant": "team"}}
    async with service(data, sources=sources, git={"namespaces": ["main/*"]}) as running:
        callers = [
            await running.token(await running.user(name, roles))
            for name, roles in (
                ("main-admin", {"admin": Scope("main")}),
                ("team-admin", {"admin": Scope("team")}),
                ("team-viewer", {"viewer": Scope("team")}),
                ("root", {"instance-admin": Scope()}),
            )
        ]
        made = Two(running, *callers)
        for tenant in ("main", "team"):
            source = FLOW.format(namespace="shop", flow=f"of-{tenant}")
            answer = await made.ask("POST", f"{tenant}/flows", made.owner, content=source)
            assert answer.status_code == 200, answer.text
            now = running.node.clock.now()
            await running.node.sources.deliveries.add(
                StoredDelivery(
                    "github", f"delivery-{tenant}", tenant, "push", "{}", "done", now,
                    hint={"event": "push", "sources": [tenant]},
                )
            )  # fmt: skip
        yield made


async def test_one_sees_the_sources_of_ones_tenant(two: Two) -> None:
    async def ids(by: dict[str, str]) -> set[str]:
        return {each["id"] for each in (await two.ask("GET", "sources", by)).json()}

    assert await ids(two.owner) == {"main", "team"}
    assert await ids(two.main) == {"main"}
    assert await ids(two.team) == await ids(two.viewer) == {"team"}


@pytest.mark.parametrize(
    "path", ["", "/runs", "/commits", "/findings", "/status", "/plan", "/diff"]
)
async def test_what_belongs_to_a_source_is_seen_with_it(two: Two, path: str) -> None:
    assert (await two.ask("GET", f"sources/team{path}", two.viewer)).status_code == 200
    refused = await two.ask("GET", f"sources/main{path}", two.viewer)
    assert refused.status_code == 404
    assert refused.json()["detail"] == "there is no source main"


async def test_runs_are_those_of_ones_sources(two: Two) -> None:
    for name, own, other in (("main", two.main, two.team), ("team", two.team, two.main)):
        run = (await two.ask("GET", f"sources/{name}/runs", two.owner)).json()[0]["id"]
        assert (await two.ask("GET", f"sync-runs/{run}", own)).status_code == 200
        for verb in ("", "/approve", "/reject"):
            method = "POST" if verb else "GET"
            answer = await two.ask(method, f"sync-runs/{run}{verb}", other)
            assert answer.json()["detail"] == f"there is no sync run {run}"
    assert (await two.ask("POST", f"sync-runs/{run}/approve", two.viewer)).status_code == 403


async def test_deliveries_are_those_of_ones_sources(two: Two) -> None:
    async def ids(by: dict[str, str], query: str = "") -> list[str]:
        answer = await two.ask("GET", f"hooks/deliveries{query}", by)
        return [each["deliveryId"] for each in answer.json()]

    assert set(await ids(two.owner)) == {"delivery-main", "delivery-team"}
    assert await ids(two.team) == await ids(two.team, "?source=team") == ["delivery-team"]
    assert (await two.ask("GET", "hooks/deliveries?source=main", two.team)).status_code == 404
    for path, method in (("", "GET"), ("/replay", "POST")):
        answer = await two.ask(method, f"hooks/deliveries/delivery-main{path}", two.team)
        assert answer.json()["detail"] == "there is no delivery delivery-main"
    refused = await two.ask("POST", "hooks/deliveries/delivery-team/replay", two.viewer)
    assert refused.status_code == 403


async def test_one_manages_the_sources_of_ones_tenant(two: Two) -> None:
    assert (await two.ask("POST", "sources/team/sync", two.team)).status_code == 200
    assert (await two.ask("POST", "sources/team/sync", two.viewer)).status_code == 403
    assert (await two.ask("POST", "sources/main/sync", two.team)).status_code == 404
    for verb in ("suspend", "resume"):
        assert (await two.ask("POST", f"sources/team/{verb}", two.team)).status_code == 200
        assert (await two.ask("POST", f"sources/team/{verb}", two.main)).status_code == 404
    pulls = await two.ask("GET", "pulls?source=main", two.team)
    assert pulls.status_code == 404
    assert (await two.ask("GET", "pulls", two.team)).json() == []


async def test_drift_is_that_of_ones_tenant(two: Two) -> None:
    for tenant in ("main", "team"):
        path = f"{tenant}/flows/shop/of-{tenant}/pin"
        await two.ask("POST", path, two.owner, json={"revision": 1, "reason": tenant})
    for by, tenants in ((two.team, ["team"]), (two.owner, ["main", "team"])):
        found = (await two.ask("GET", "drift", by)).json()["pins"]
        assert [each["tenant"] for each in found] == tenants
    assert (await two.ask("GET", "drift?tenant=main", two.team)).json()["pins"] == []


async def test_who_changes_the_source_of_access_yaml_administers_the_instance(
    tmp_path: Path,
) -> None:
    """Whoever takes a commit back there may take back the one that took a right from them."""
    async with service(tmp_path / "data", access={"source": "main"}) as running:
        admin = await running.token(await running.user("ann", {"admin": Scope("main")}))
        above = await running.token(await running.user("bo", {"admin": Scope()}))
        root = await running.token(await running.user("root", {"instance-admin": Scope()}))
        source = FLOW.format(namespace="shop", flow="a")
        made = await running.http.post("/api/v1/main/flows", headers=root, content=source)
        revert = {"commits": [made.json()["commit"]], "dryRun": True}
        for verb, body in (("revert", revert), ("suspend", None), ("sync", {"dryRun": True})):
            path = f"/api/v1/sources/main/{verb}"
            for by in (admin, above):
                answer = await running.http.post(path, headers=by, json=body)
                assert answer.status_code == 403, (verb, answer.text)
                assert answer.json()["permission"] == "instance:manage"
            answer = await running.http.post(path, headers=root, json=body)
            assert answer.status_code not in (401, 403, 404), (verb, answer.text)
        assert await running.status("/api/v1/sources/main", headers=admin) == 200


async def test_no_source_of_a_tenant_takes_namespaces_of_another(tmp_path: Path) -> None:
    async with service(tmp_path / "data") as running:
        theirs = await running.token(await running.user("mallory", {"admin": Scope("team")}))
        ours = await running.token(await running.user("ann", {"admin": Scope("main")}))
        wish = {
            "id": "grabber", "repo": "https://git.example.test/x.git", "layout": "kestra",
            "tenant": "team", "namespaces": ["*"],
        }  # fmt: skip
        added = await running.http.post("/api/v1/sources", headers=theirs, json=wish)
        assert added.status_code == 201, added.text
        source = FLOW.format(namespace="brand.fresh", flow="a")
        made = await running.http.post("/api/v1/main/flows", headers=ours, content=source)
        assert made.status_code == 200, made.text
