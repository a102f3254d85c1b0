"""The matrix: every route × roles × {own namespace, other namespace, foreign tenant, instance}.

What is not permitted is 403, what is out of sight is 404 and looks as if it were not there, and who
is nobody gets 401. Calls that are permitted change nothing here: they name what there is not.
"""

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio

from app.access import OF_INSTANCE, ROLES
from tests.access.route_list import CLOSED, NOWHERE, OF_TENANT, PERMITTED, Call
from tests.access.world import HIDDEN, INPUT, OUTPUT, TENANT, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SAFE = ("GET", "HEAD")
_UNKNOWN = "no-such-tenant"
_IDS = {"execution_id", "run_id", "changeset_id", "draft_id", "overlay_id", "task_run_id"}
_BUFFERED = re.compile(r"/follow$")
"""What goes on until its subject ends; tested by itself."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world") / "data") as made:
        yield made


def told(answer: Any, *words: str) -> tuple[int, str]:
    """What an answer tells, whatever was asked for."""
    text = re.sub(r'"request_id":"[^"]*"', "", answer.text)
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "…")
    return answer.status_code, text


async def _statuses(
    there: World, calls: Iterable[Call], by: dict[str, str], **names: str
) -> dict[str, int]:
    found = {}
    for call in calls:
        if _BUFFERED.search(call.path):
            continue
        own = there.own.names if call.method in _SAFE else {"tenant": TENANT, "namespace": "shop.z"}
        answer = await there.ask(call.method, call.filled({**own, **names}), by)
        found[call.id] = answer.status_code
    return found


# -- nobody ----------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer hw_00000000_nope"}])
async def test_nobody_is_told_nothing(there: World, header: dict[str, str]) -> None:
    found = {}
    for call in CLOSED:
        for names in (there.own.names, there.foreign.names, {"tenant": _UNKNOWN}):
            path = call.filled(names)
            answer = await there.ask(call.method, path, header)
            found[call.id] = answer.status_code
            asked = path.partition("?")[0].encode()
            assert HIDDEN not in answer.content.replace(asked, b""), call.id
    assert set(found.values()) == {401}, {key: each for key, each in found.items() if each != 401}


# -- roles in a tenant -----------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"instance-admin"}))
async def test_roles(there: World, role: str) -> None:
    held = ROLES[role].permissions
    found = await _statuses(there, OF_TENANT, there.roles[role])
    lacking = {each.id for each in OF_TENANT if each.permission not in held}
    refused = {call for call, status in found.items() if status == 403}
    assert refused == lacking & found.keys()
    assert not {call: status for call, status in found.items() if status in (401, 500)}


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"instance-admin"}))
async def test_nobody_of_a_tenant_manages_the_instance(there: World, role: str) -> None:
    calls = [each for each in PERMITTED if "tenant" not in each.parameters]
    found = await _statuses(there, calls, there.roles[role])
    held = ROLES[role].permissions - OF_INSTANCE
    for call in calls:
        if call.permission not in held:
            assert found[call.id] == 403, call.id
        elif call.parameters:
            assert found[call.id] in (404, 403, 422), call.id


async def test_who_administers_the_instance_may_do_everything(there: World) -> None:
    found = await _statuses(there, PERMITTED, there.owner)
    assert not {call: status for call, status in found.items() if status in (401, 403, 500)}


# -- other namespaces ------------------------------------------------------------------------


async def test_rights_end_with_their_namespace(there: World) -> None:
    calls = [each for each in OF_TENANT if "namespace" in each.parameters]
    found = {}
    for call in calls:
        for place in (there.other.names, {"tenant": TENANT, "namespace": NOWHERE}):
            answer = await there.ask(call.method, call.filled(place), there.local)
            found[call.id] = answer.status_code
    assert set(found.values()) == {403}, {key: each for key, each in found.items() if each != 403}


async def test_rights_hold_in_their_namespace(there: World) -> None:
    calls = [
        each
        for each in OF_TENANT
        if "namespace" in each.parameters and each.permission not in OF_INSTANCE
    ]
    found = await _statuses(there, calls, there.local)
    assert not {call: status for call, status in found.items() if status in (401, 403, 500)}


# -- things by their ids ---------------------------------------------------------------------


async def test_what_is_elsewhere_is_not_there(there: World) -> None:
    """Ids of another namespace, and of another tenant, look like ids that nobody ever gave."""
    calls = [each for each in OF_TENANT if each.parameters & _IDS]
    assert len(calls) > 40
    differing = {}
    for call in calls:
        ids = call.parameters & _IDS
        nothing = {"tenant": TENANT, "namespace": "shop", "flow_id": "flow-a"}
        unknown = dict.fromkeys(ids, "4tDHmqlTkq2S1v7jLtqPqd")
        expected = told(
            await there.ask(call.method, call.filled(nothing, **unknown), there.local),
            *unknown.values(),
        )
        for place in (there.other, there.foreign):
            theirs = {name: place.names[name] for name in ids}
            path = call.filled(nothing, **theirs)
            answer = await there.ask(call.method, path, there.local)
            if not _BUFFERED.search(call.path) or answer.status_code != 200:
                assert HIDDEN not in answer.content, call.id
            if told(answer, *theirs.values()) != expected:
                differing[call.id] = (told(answer, *theirs.values()), expected)
    assert differing == {}


async def test_what_one_may_see_but_not_change_is_forbidden(there: World) -> None:
    changing = [
        each
        for each in OF_TENANT
        if "execution_id" in each.parameters
        and each.permission not in ROLES["viewer"].permissions
        and "namespace" not in each.parameters
    ]
    assert len(changing) > 20
    for call in changing:
        names = there.own.names
        answer = await there.ask(call.method, call.filled(names), there.watcher)
        assert answer.status_code == 403, call.id


# -- tenants ---------------------------------------------------------------------------------


async def test_a_foreign_tenant_is_not_there(there: World) -> None:
    calls = [each for each in CLOSED if "tenant" in each.parameters]
    for call in calls:
        for names in (there.own.names, {"tenant": TENANT}):
            known = await there.ask(call.method, call.filled(names), there.stranger)
            unknown = await there.ask(
                call.method, call.filled({**names, "tenant": _UNKNOWN}), there.stranger
            )
            assert known.status_code == 404, call.id
            assert told(known, TENANT) == told(unknown, _UNKNOWN), call.id


async def test_what_serves_several_tenants_belongs_to_neither(there: World) -> None:
    calls = [each for each in PERMITTED if each.parameters & {"source_id", "repo"}]
    assert len(calls) > 10
    body = {"commit": "0" * 40, "commits": ["0" * 40]}
    for call in calls:
        for by in (there.roles["admin"], there.local, there.stranger):
            paths = (call.filled({}, source_id=name, repo=name) for name in ("main", "nope"))
            answers = [await there.ask(call.method, each, by, json=body) for each in paths]
            there_is, nothing = (
                told(each, f"source {name}", f"/{name}")
                for each, name in zip(answers, ("main", "nope"), strict=True)
            )
            assert there_is == nothing, call.id


# -- what lists tell -------------------------------------------------------------------------


async def test_lists_and_counts_end_at_the_reach(there: World) -> None:
    for call in (each for each in PERMITTED if each.method == "GET"):
        if _BUFFERED.search(call.path):
            continue
        path = call.filled(there.own.names)
        if "number" not in path and call.path.endswith(("/search", "/kv", "/{flow_id}")):
            answer = await there.ask("GET", f"{path}?size=1000", there.local)
            path = path if answer.status_code == 400 else f"{path}?size=1000"
        answer = await there.ask("GET", path, there.local)
        assert HIDDEN not in answer.content, call.id
        assert HIDDEN not in str(answer.headers).encode(), call.id
        if answer.status_code == 200 and '"total"' in answer.text[-40:]:
            assert answer.json()["total"] == len(answer.json()["results"]), call.id


_ASKING: tuple[tuple[str, Any], ...] = (
    ("executions/latest", [{"namespace": "hidden.lab", "id": "hidden-flow"}]),
    ("stats/executions/daily", {}),
    ("stats/executions/daily/group-by-namespace", {}),
    ("stats/executions/daily/group-by-flow", {}),
    (
        "stats/executions/latest/group-by-flow",
        {"flows": [{"namespace": "hidden.lab", "id": "hidden-flow"}]},
    ),
    ("stats/logs/daily", {}),
    ("stats/summary", {}),
    ("namespaces/autocomplete", {"q": ""}),
    ("namespaces/autocomplete", {"q": "", "ids": ["hidden.lab"]}),
    ("tests/results/search/last", {}),
    (
        "tests/results/search/last",
        {"testSuiteIds": [{"namespace": "hidden.lab", "id": "hidden-flow-tests"}]},
    ),
    ("tests/run", {}),
)


@pytest.mark.parametrize(("path", "body"), _ASKING)
async def test_questions_end_at_the_reach(there: World, path: str, body: Any) -> None:
    answer = await there.ask("POST", f"{there.own.base}/{path}", there.local, json=body)
    assert answer.status_code == 200, answer.text
    assert HIDDEN not in answer.content
    if path == "stats/summary":
        counts = answer.json()
        assert (counts["flows"], counts["namespaces"], counts["executions"]) == (1, 1, 1)
    if path == "stats/executions/daily":
        assert sum(sum(each["executionCounts"].values()) for each in answer.json()) == 1


@pytest.mark.parametrize(
    "query",
    ["q=hidden", "namespace=hidden", "flowId=hidden-flow", "labels=mark:hidden-flow", "size=1000"],
)
@pytest.mark.parametrize("what", ["executions/search", "flows/search", "logs/search"])
async def test_no_filter_finds_what_is_hidden(there: World, what: str, query: str) -> None:
    answer = await there.ask("GET", f"{there.own.base}/{what}?{query}", there.local)
    if answer.status_code == 200 and query != "size=1000":
        assert answer.json() == {"results": [], "total": 0}
    assert HIDDEN not in answer.content.replace(query.encode(), b"")


async def test_who_may_not_read_outputs_sees_none(there: World) -> None:
    seen: dict[str, set[str]] = {}
    # What a task writes to its log, and what tests find, have permissions of their own.
    apart = re.compile(r"/(logs|tests)/")
    for call in (each for each in PERMITTED if each.method == "GET"):
        if not (_BUFFERED.search(call.path) or apart.search(call.path)):
            path = call.filled(there.own.names)
            for name, by in (("watcher", there.watcher), ("local", there.local)):
                answer = await there.ask("GET", path, by)
                found = [each for each in (OUTPUT, INPUT) if each in answer.text]
                if found:
                    seen.setdefault(name, set()).add(call.path)
    assert "watcher" not in seen, seen["watcher"]
    assert "/api/v1/{tenant}/executions/search" in seen["local"]
