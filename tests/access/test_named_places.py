"""Requests that name their place themselves: in a body, in a document, in an archive, by ids."""

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.access import Grant, Permission, Scope
from tests.access.world import FLOW, HIDDEN, TESTS, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NAME = {"namespace": "hidden.lab", "id": "hidden-flow"}
_TRIGGER = {"namespace": "hidden.lab", "flowId": "hidden-flow", "triggerId": "at"}
_DISABLED = {"triggers": [_TRIGGER], "disabled": True}
_TEST = {"namespace": "hidden.lab", "id": "hidden-flow-tests"}
_EDIT = {"namespace": "hidden.lab", "kind": "flow", "name": "x", "content": "id: x"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "data") as made:
        yield made


def _flow(namespace: str, flow: str = "made") -> str:
    return FLOW.format(namespace=namespace, flow=flow)


def _zip(**files: str) -> dict[str, Any]:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.yaml", text)
    return {"fileUpload": ("flows.zip", data.getvalue())}


REFUSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "flows", {"content": _flow("hidden.lab")}),
    ("POST", "flows", {"content": _flow("hidden.lab", "hidden-flow")}),
    ("POST", "flows", {"content": _flow("elsewhere")}),
    ("POST", "flows/bulk", {"content": _flow("shop") + "\n---\n" + _flow("hidden.lab")}),
    ("POST", "flows/bulk?namespace=hidden.lab&delete=true", {"content": ""}),
    ("POST", "flows/bulk?namespace=shop&allowNamespaceChild=true", {"content": _flow("other")}),
    ("POST", "flows/import", {"files": _zip(a=_flow("shop"), b=_flow("hidden.lab"))}),
    ("DELETE", "flows/delete/by-ids", {"json": [_NAME]}),
    ("POST", "flows/export/by-ids", {"json": [_NAME]}),
    ("POST", "flows/export/by-ids", {"json": [{**_NAME, "id": "no-such-flow"}]}),
    ("POST", "flows/disable/by-ids", {"json": [_NAME]}),
    ("POST", "flows/enable/by-ids", {"json": [_NAME]}),
    ("POST", "tests", {"content": TESTS.format(namespace="hidden.lab", flow="x", suite="made")}),
    ("DELETE", "tests/by-ids", {"json": {"ids": [_TEST]}}),
    ("POST", "tests/disable/by-ids", {"json": {"ids": [_TEST]}}),
    ("POST", "tests/enable/by-ids", {"json": {"ids": [_TEST]}}),
    ("POST", "drafts", {"json": _EDIT}),
    ("POST", "drafts", {"json": {**_EDIT, "kind": "file", "name": "a.txt"}}),
    ("POST", "drafts", {"json": {**_EDIT, "kind": "secrets", "name": ""}}),
    ("POST", "changesets", {"json": {"title": "t", "edits": [_EDIT]}}),
)


@pytest.mark.parametrize(("method", "path", "more"), REFUSED)
async def test_named_namespaces_are_asked_for(
    there: World, method: str, path: str, more: dict[str, Any]
) -> None:
    before = (await there.ask("GET", f"{there.own.base}/flows/search?size=100", there.owner)).json()
    answer = await there.ask(method, f"{there.own.base}/{path}", there.local, **more)
    assert answer.status_code in (403, 422), answer.text
    assert HIDDEN not in answer.content.replace(path.encode(), b"")
    after = (await there.ask("GET", f"{there.own.base}/flows/search?size=100", there.owner)).json()
    assert after["total"] == before["total"]


UNSEEN: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PUT", "triggers", {"json": {**_TRIGGER, "disabled": True}}),
    ("PUT", "triggers/backfill/pause", {"json": _TRIGGER}),
    ("PUT", "triggers/backfill/unpause", {"json": _TRIGGER}),
    ("POST", "triggers/backfill/delete", {"json": _TRIGGER}),
    ("POST", "triggers/unlock/by-triggers", {"json": [_TRIGGER]}),
    ("POST", "triggers/backfill/pause/by-triggers", {"json": [_TRIGGER]}),
    ("POST", "triggers/set-disabled/by-triggers", {"json": _DISABLED}),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path", "more"), UNSEEN)
async def test_triggers_that_a_body_names_are_not_there(
    there: World, method: str, path: str, more: dict[str, Any]
) -> None:
    answer = await there.ask(method, f"{there.own.base}/{path}", there.local, **more)
    assert answer.status_code == 404, answer.text
    state = await there.ask("GET", f"{there.own.base}/triggers/hidden.lab/hidden-flow", there.owner)
    assert not state.json()["results"][0]["disabled"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "executions/kill/by-ids"), ("POST", "executions/restart/by-ids"),
        ("POST", "executions/replay/by-ids"), ("DELETE", "executions/by-ids"),
        ("POST", "executions/change-status/by-ids?newStatus=FAILED"),
    ],
)  # fmt: skip
async def test_ids_of_a_list_are_looked_for_where_one_may(
    there: World, method: str, path: str
) -> None:
    told = []
    for known in (there.other.names["execution_id"], there.foreign.names["execution_id"], "nope"):
        answer = await there.ask(method, f"{there.own.base}/{path}", there.local, json=[known])
        assert answer.status_code == 400, answer.text
        told.append(answer.json()["detail"].replace(known, "…"))
    assert len(set(told)) == 1


async def test_what_a_query_finds_ends_at_the_reach(there: World) -> None:
    for path in ("flows/disable/by-query?reason=x", "triggers/set-disabled/by-query?disabled=true"):
        answer = await there.ask("POST", f"{there.own.base}/{path}", there.local)
        assert answer.json() == {"count": 1}, answer.text
    for path in ("flows/enable/by-query?reason=x", "triggers/set-disabled/by-query?disabled=false"):
        await there.ask("POST", f"{there.own.base}/{path}", there.local)
    found = await there.ask(
        "POST", f"{there.own.base}/executions/change-status/by-query?newStatus=WARNING", there.local
    )
    assert found.json() == {"count": 1}
    kept = await there.ask(
        "GET", f"{there.own.base}/executions/{there.other.names['execution_id']}", there.owner
    )
    assert kept.json()["state"]["current"] == "SUCCESS"


async def test_bodies_name_no_tenant_and_no_author(there: World) -> None:
    """Security cases 78 and 116: members of a body and headers never say who, or where."""
    source = "tenantId: hidden-tenant\n" + _flow("shop", "assigned").lstrip()
    answer = await there.ask(
        "POST",
        f"{there.own.base}/flows",
        there.roles["editor"],
        content=source,
        headers={"X-User": "root", "X-Forwarded-User": "root", "X-Tenant": "hidden-tenant"},
    )
    if answer.status_code == 200:
        assert answer.json()["tenantId"] == "main"
        assert answer.json()["author"] == "all-editor"
    else:
        assert answer.status_code == 422
    name = {"namespace": "shop", "flowId": "flow-a", "triggerId": "at", "tenantId": "hidden-tenant"}
    answer = await there.ask("PUT", f"{there.own.base}/triggers", there.local, json=name)
    assert answer.json()["tenantId"] == "main"
    edit = {"namespace": "shop", "kind": "file", "name": "a", "content": "", "owner": "root"}
    answer = await there.ask("POST", f"{there.own.base}/drafts", there.local, json=edit)
    assert answer.status_code == 422


async def test_a_commit_has_its_author(there: World) -> None:
    path = f"{there.own.base}/flows"
    made = await there.ask(
        "POST", path, there.roles["editor"], content=_flow("shop", "authored").lstrip()
    )
    assert made.json()["author"] == "all-editor"
    assert made.json()["authorEmail"] == "all-editor@users.invalid"
    ran = await there.ask("GET", f"{path}/shop/authored/history", there.roles["viewer"])
    assert ran.json()[0]["author"] == "all-editor"
    await there.ask("DELETE", f"{path}/shop/authored", there.roles["editor"])


async def test_flows_in_an_archive_of_files_are_flows(there: World) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("_flows/smuggled.yaml", _flow("hidden.lab", "smuggled"))
    answer = await there.ask(
        "POST",
        f"{there.own.base}/namespaces/shop/files?path=/",
        there.local,
        files={"fileContent": ("all.zip", data.getvalue())},
    )
    assert answer.status_code == 422, answer.text


async def test_drafts_are_of_their_author(there: World) -> None:
    draft = there.own.names["draft_id"]  # the owner of the instance made it
    for by in (there.local, there.roles["admin"]):
        answer = await there.ask("GET", f"{there.own.base}/drafts/{draft}", by)
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"there is no draft {draft}"
        wish = {"title": "t", "drafts": [draft]}
        answer = await there.ask("POST", f"{there.own.base}/changesets", by, json=wish)
        assert answer.status_code == 404


async def test_changesets_are_seen_with_all_that_they_edit(there: World) -> None:
    async def listed(by: Any) -> set[str]:
        answer = await there.ask("GET", f"{there.own.base}/changesets", by)
        return {each["id"] for each in answer.json()}

    own, other = (each.names["changeset_id"] for each in (there.own, there.other))
    assert {own, other} <= await listed(there.roles["viewer"])
    assert await listed(there.local) & {own, other} == {own}
    both = {
        "title": "both",
        "edits": [
            {"namespace": name, "kind": "file", "name": "both.txt", "content": "x"}
            for name in ("shop", "hidden.lab")
        ],
    }
    made = await there.ask("POST", f"{there.own.base}/changesets", there.roles["editor"], json=both)
    assert made.json()["id"] not in await listed(there.local)
    for verb in ("submit", "abandon"):
        path = f"{there.own.base}/changesets/{made.json()['id']}/{verb}"
        assert (await there.ask("POST", path, there.local)).status_code == 404
        path = f"{there.own.base}/changesets/{own}/{verb}"
        assert (await there.ask("POST", path, there.watcher)).status_code == 403


async def test_files_need_no_right_to_flows_but_flows_in_them_do(there: World) -> None:
    answer = await there.ask("GET", f"{there.own.base}/namespaces/shop/files/export", there.watcher)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"flow-a.txt", "_flows/flow-a.yaml"} <= set(archive.namelist())


async def test_sources_are_added_where_one_manages(there: World) -> None:
    wish = {"id": "more", "repo": "https://git.example.test/x.git"}
    refused = ({}, {"layout": "kestra", "tenant": "hidden-tenant"}, {"namespaces": ["shop"]})
    for more in refused:
        answer = await there.ask(
            "POST", "/api/v1/sources", there.roles["admin"], json={**wish, **more}
        )
        assert answer.status_code == 403, (more, answer.text)
    lent = {"layout": "kestra", "tenant": "main", "credentials": "main"}
    answer = await there.ask("POST", "/api/v1/sources", there.roles["admin"], json={**wish, **lent})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "executions/labels/by-ids", {"executionsId": [], "executionLabels": []}),
        ("DELETE", "namespaces/shop/kv", {"keys": []}),
        ("DELETE", "tests/by-ids", {"ids": [{"namespace": "shop", "id": "x"}]}),
        ("POST", "tests/run", {}),
        ("POST", "tests/results/search/last", {}),
        ("POST", "namespaces/autocomplete", {}),
        ("POST", "changesets", {"title": "t", "edits": []}),
        ("POST", "flows/shop/flow-a/pin", {"revision": 1}),
        ("POST", "flows/shop/flow-a/overlays", {"kind": "disabled"}),
    ],
)
async def test_members_that_nobody_knows_are_refused(
    there: World, method: str, path: str, body: dict[str, Any]
) -> None:
    for more in ("tenantId", "state", "owner", "actor"):
        wish = {**body, more: "hidden-tenant"}
        answer = await there.ask(method, f"{there.own.base}/{path}", there.local, json=wish)
        assert answer.status_code == 422, (more, answer.text)


async def test_plugin_defaults_of_others_do_not_show_in_what_is_sent(there: World) -> None:
    default = {"type": "io.kestra.plugin.core.debug.Return", "values": {"format": "hidden-format"}}
    settings = f"{there.own.base}/namespaces/hidden.lab"
    body = {"id": "hidden.lab", "pluginDefaults": [default]}
    put = await there.ask("PUT", settings, there.owner, json=body)
    assert put.status_code == 200, put.text
    flow = (
        "id: mine\nnamespace: hidden.lab\ntasks:\n"
        "  - {id: say, type: io.kestra.plugin.core.debug.Return}\n"
    )
    graph = f"{there.own.base}/flows/graph"
    assert b"hidden-format" in (await there.ask("POST", graph, there.owner, content=flow)).content
    for by in (there.local, there.watcher):
        answer = await there.ask("POST", graph, by, content=flow)
        assert b"hidden-format" not in answer.content, answer.text
        answer = await there.ask("POST", f"{there.own.base}/flows/validate", by, content=flow)
        assert b"hidden-format" not in answer.content, answer.text
    assert (await there.ask("DELETE", settings, there.owner)).status_code == 204


async def test_a_changeset_belongs_to_who_made_it_not_to_who_has_the_name(there: World) -> None:
    edit = {"namespace": "hidden.lab", "kind": "file", "name": "own.txt", "content": "x"}
    wish = {"title": "t", "edits": [edit]}
    made = await there.ask("POST", f"{there.own.base}/changesets", there.roles["editor"], json=wish)
    path = f"{there.own.base}/changesets/{made.json()['id']}"
    alike = await there.service.user(
        "alike",
        {"admin": Scope("main", "shop")},
        first_name="all-editor",
        email="all-editor@users.invalid",
    )
    posing = await there.service.token(alike)
    listed = await there.ask("GET", f"{there.own.base}/changesets", posing)
    assert made.json()["id"] not in {each["id"] for each in listed.json()}
    assert (await there.ask("GET", path, posing)).status_code == 404
    assert (await there.ask("POST", f"{path}/abandon", posing)).status_code == 404
    assert (await there.ask("GET", path, there.roles["editor"])).status_code == 200


async def test_texts_of_a_changeset_are_shown_to_who_may_read_such_things(there: World) -> None:
    edit = {"namespace": "shop", "kind": "file", "name": "shown.txt", "content": "x"}
    wish = {"title": "t", "edits": [edit]}
    made = await there.ask("POST", f"{there.own.base}/changesets", there.roles["editor"], json=wish)
    path = f"{there.own.base}/changesets/{made.json()['id']}"
    member = await there.service.user("without-files", {"viewer": Scope("main", "shop")})
    flows = (Grant(frozenset({Permission.FLOW_READ}), Scope("main", "shop")),)
    for token, told in (
        (await there.service.token(member), [True]),
        (await there.service.token(member, flows), [False]),
    ):
        drafts = (await there.ask("GET", path, token)).json()["drafts"]
        assert ["content" in each for each in drafts] == told


async def test_tests_that_are_sent_need_the_right_to_write_flows(there: World) -> None:
    """They are told what they ask for: also the files of other namespaces, as a flow is."""
    source = (
        "id: sent\nnamespace: shop\nflowId: flow-a\ntestCases:\n"
        "  - id: one\n    type: io.kestra.core.tests.flow.UnitTest\n    assertions:\n"
        "      - {value: \"{{ read('hidden-flow.txt', namespace='hidden.lab') }}\", equalTo: x}\n"
    )
    path = f"{there.own.base}/flows/shop/flow-a/bisect"
    wish = {"good": 1, "bad": 1, "source": source}
    answer = await there.ask("POST", path, there.watcher, json=wish)
    assert answer.status_code == 403
    assert answer.json()["permission"] == "flow:write"
    answer = await there.ask("POST", path, there.local, json=wish)
    assert answer.status_code in (409, 422), answer.text  # it is at the tests, or the revisions


async def test_inputs_of_backfills_are_told_to_who_may_see_outputs(there: World) -> None:
    member = await there.service.user("backfiller", {"operator": Scope("main", "shop")})
    some = {Permission.TRIGGER_TOGGLE, Permission.TRIGGER_BACKFILL, Permission.FLOW_READ}
    blind = await there.service.token(member, (Grant(frozenset(some), Scope("main")),))
    seeing = await there.service.token(member)
    name = {"namespace": "shop", "flowId": "flow-a", "triggerId": "at"}
    times = {"start": "2020-01-01T00:00:00Z", "end": "2021-06-01T00:00:00Z", "paused": True}
    wish = {**name, "backfill": {**times, "inputs": {"name": "in-canary-8"}}}
    path = f"{there.own.base}/triggers"
    answers = [await there.ask("PUT", path, blind, json=wish)]
    answers.append(await there.ask("PUT", f"{path}/backfill/pause", blind, json=name))
    assert [each.status_code for each in answers] == [200, 200], answers[-1].text
    assert all("in-canary-8" not in each.text for each in answers)
    paused = await there.ask("PUT", f"{path}/backfill/pause", seeing, json=name)
    assert "in-canary-8" in paused.text
    await there.ask("POST", f"{path}/backfill/delete", seeing, json=name)
