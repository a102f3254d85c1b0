"""Blame, breakages and bisects by the API, on real revisions and executions."""

from typing import Any

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

RETURN = "io.kestra.plugin.core.debug.Return"


def source(first: str = "one", second: str = "two", more: str = "") -> str:
    return f"""
    tasks:
      - {{id: first, type: {RETURN}, format: "{first}"}}
      - {{id: second, type: {RETURN}, format: "{second}"}}
    {more}
    """


BROKEN = "{{ nothing.there }}"


async def ended(api: Api, ns: str) -> Any:
    found = await api.run(f"{ns}/f")
    return found["id"], found["state"]["current"]


async def test_blame_names_the_commit_of_each_part(api: Api, ns: str) -> None:
    await api.flow(ns, source())
    await api.flow(ns, source(second="changed"))
    await api.flow(ns, source(second="changed", more="description: third"))
    found = await api.get(f"flows/{ns}/f/blame")
    origins = {f"{x['kind']}/{x['id']}": x["origin"] for x in found["parts"]}
    assert found["revision"] == 3
    assert {name: each["revision"] for name, each in origins.items()} == {
        "property/id": 1,
        "property/namespace": 1,
        "task/first": 1,
        "task/second": 2,
        "property/description": 3,
    }
    assert origins["task/second"]["author"] == "Headwater API"
    assert origins["task/second"]["subject"] == f"Update flow {ns}.f"
    task = next(each for each in found["parts"] if each["id"] == "second")
    assert (task["pointer"], task["line"]) == ("tasks[1]", 6)
    before = await api.get(f"flows/{ns}/f/blame?revision=1")
    assert {each["origin"]["revision"] for each in before["parts"]} == {1}
    await api.get(f"flows/{ns}/none/blame", 404)
    await api.get(f"flows/{ns}/f/blame?revision=9", 404)
    await api.get(f"flows/{ns}/f/blame?revision=1&commit=abcd", 400)


async def test_the_revision_that_broke_it_is_named(api: Api, ns: str) -> None:
    await api.flow(ns, source())
    good, state = await ended(api, ns)
    assert state == "SUCCESS"
    assert (await api.get(f"flows/{ns}/f/broken-by"))["verdict"] == "healthy"
    await api.flow(ns, source(second=BROKEN))
    await api.flow(ns, source(second=BROKEN, more="description: third"))
    bad, state = await ended(api, ns)
    assert state == "FAILED"
    await ended(api, ns)
    found = await api.get(f"flows/{ns}/f/broken-by")
    assert (found["broken"], found["verdict"]) == (True, "commit")
    assert (found["lastGood"]["id"], found["firstBad"]["id"]) == (good, bad)
    assert (found["failures"], found["taskId"]) == (2, "second")
    assert "nothing" in found["error"]
    assert [each["revision"] for each in found["suspects"]] == [2, 3]
    assert found["likely"]["revision"] == 2
    assert "most likely" in found["message"]
    assert await api.get(f"flows/{ns}/f/broken-by?execution={bad}") == found
    await api.flow(ns, source())
    fixed, _ = await ended(api, ns)
    healthy = await api.get(f"flows/{ns}/f/broken-by")
    assert (healthy["broken"], healthy["lastGood"]["id"]) == (False, fixed)
    again = await api.get(f"flows/{ns}/f/broken-by?execution={bad}")
    assert again["likely"]["revision"] == 2


async def test_what_never_worked_is_told(api: Api, ns: str) -> None:
    await api.flow(ns, source(first=BROKEN))
    await ended(api, ns)
    found = await api.get(f"flows/{ns}/f/broken-by")
    assert found["verdict"] == "never-worked"
    assert [each["revision"] for each in found["suspects"]] == [1]


async def test_an_unchanged_flow_fails_for_other_reasons(api: Api, ns: str) -> None:
    await api.flow(ns, source(second="{{ read('in.txt') }}"))
    files = f"namespaces/{ns}/files"
    await api.post(f"{files}?path=/in.txt", files={"fileContent": ("in.txt", b"here")})
    await ended(api, ns)
    await api.ask("DELETE", f"{files}?path=/in.txt", 204)
    _, state = await ended(api, ns)
    assert state == "FAILED"
    found = await api.get(f"flows/{ns}/f/broken-by")
    assert found["verdict"] == "surroundings"
    assert len(found["commits"]) == 1
    assert "in.txt" in found["commits"][0]["subject"]


async def test_the_same_commit_that_fails_now_was_not_it(api: Api, ns: str) -> None:
    inputs = "inputs: [{id: n, type: INT, defaults: 1}]"
    await api.flow(ns, source(first="{{ 1 / inputs.n }}", more=inputs))
    await ended(api, ns)
    failed = await api.run(f"{ns}/f", {"n": "0"})
    assert failed["state"]["current"] == "FAILED"
    found = await api.get(f"flows/{ns}/f/broken-by")
    assert found["verdict"] == "outside"
    assert found["suspects"] == []


async def test_only_failed_executions_are_traced(api: Api, ns: str) -> None:
    await api.flow(ns, source())
    good, _ = await ended(api, ns)
    refused = await api.get(f"flows/{ns}/f/broken-by?execution={good}", 422)
    assert "only failed ones" in refused["detail"]
    await api.get(f"flows/{ns}/f/broken-by?execution=nothing", 404)
    await api.get(f"flows/{ns}/none/broken-by", 404)
    await api.flow(ns, source(first=BROKEN), "g")
    other = await api.run(f"{ns}/g")
    await api.get(f"flows/{ns}/f/broken-by?execution={other['id']}", 404)


def document(ns: str) -> str:
    return (
        f"id: t\nnamespace: {ns}\nflowId: f\n"
        "testCases:\n"
        '  - {id: one, assertions: [{value: "{{ outputs.second.value }}", equalTo: two}]}\n'
    )


async def test_a_bisect_finds_the_revision_that_broke_the_tests(api: Api, ns: str) -> None:
    for number in range(1, 12):
        await api.flow(ns, source(first=str(number), second="two" if number < 8 else "oh"))
    await api.post("tests", content=document(ns))
    found = await api.post(f"flows/{ns}/f/bisect", json={"good": 1, "test": "t"})
    assert found["firstBad"]["revision"] == 8
    assert (found["good"]["revision"], found["bad"]["revision"]) == (1, 11)
    assert len(found["runs"]) <= 4
    assert "revision 8 broke the tests" in found["message"]
    assert found["result"]["results"][0]["assertionResults"][0]["actual"] == "oh"
    commit = (await api.get(f"flows/{ns}/f?revision=2"))["commit"]
    wish = {"good": commit, "bad": 9, "source": document(ns), "testCases": ["one"]}
    again = await api.post(f"flows/{ns}/f/bisect", json=wish)
    assert again["firstBad"]["revision"] == 8


async def test_a_bisect_needs_two_ends(api: Api, ns: str) -> None:
    await api.flow(ns, source())
    await api.flow(ns, source(second="oh"))
    await api.flow(ns, source())
    await api.post("tests", content=document(ns))
    path = f"flows/{ns}/f/bisect"
    passes = await api.post(path, 409, json={"good": 1, "bad": 3, "test": "t"})
    assert "pass at revision 3" in passes["detail"]
    fails = await api.post(path, 409, json={"good": 2, "bad": 3, "test": "t"})
    assert "fail at revision 2" in fails["detail"]
    await api.post(path, 422, json={"good": 3, "bad": 1, "test": "t"})
    await api.post(path, 404, json={"good": 9, "test": "t"})
    await api.post(path, 404, json={"good": 1, "test": "none"})
    await api.post(path, 422, json={"good": 1})
    await api.post(path, 422, json={"good": 1, "test": "t", "source": "x"})
    other = await api.post(
        path, 422, json={"good": 1, "source": document(ns).replace("flowId: f", "flowId: g")}
    )
    assert "not of" in other["detail"]
