"""Flows: every write is a commit; every answer names it."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import PAUSE, RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


def document(namespace: str, flow_id: str, message: str = "hi", **more: str) -> str:
    extra = "".join(f"{name}: {value}\n" for name, value in more.items())
    return (
        f"# a comment\nid: {flow_id}\nnamespace: {namespace}\n{extra}tasks:\n  - id: t\n"
        f"    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"
    )


async def test_create_and_get(api: Api, ns: str) -> None:
    source = document(ns, "f", labels='{"team": "a"}', description="It says hi")
    made = await api.post("flows", content=source, headers={"content-type": "application/x-yaml"})
    assert made["source"] == source
    assert made["revision"] == 1
    assert (made["disabled"], made["deleted"]) == (False, False)
    assert made["labels"] == [{"key": "team", "value": "a"}]
    assert made["tasks"] == [{"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "hi"}]
    assert made["author"] == "Headwater API"
    assert made["subject"] == f"Create flow {ns}.f"
    assert made["path"] == f"tenants/main/namespaces/{ns}/flows/f.yaml"
    plain = await api.get(f"flows/{ns}/f")
    assert "source" not in plain
    assert await api.get(f"flows/{ns}/f?source=true") == made
    text = await api.answer("GET", f"flows/{ns}/f/source")
    assert (text.text, text.headers["etag"]) == (source, f'"{made["blob"]}"')
    assert await api.get(f"flows/{ns}/f/tasks/t") == made["tasks"][0]
    await api.get(f"flows/{ns}/f/tasks/u", 404)


async def test_a_flow_is_created_once(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "f"))
    problem = await api.post("flows", 422, content=document(ns, "f"))
    assert "already exists" in problem["message"]
    assert problem["message"].startswith("Invalid entity: ")


async def test_an_invalid_flow_tells_every_place(api: Api, ns: str) -> None:
    source = document(ns, "f").replace("log.Log", "log.Lgo") + "  - id: t\n    type: x\n"
    problem = await api.post("flows", 422, content=source)
    first = problem["errors"][0]
    assert (first["pointer"], first["line"], first["column"]) == ("/tasks/0/type", 6, 11)
    assert (first["code"], first["fix"]) == (
        "UNKNOWN_TYPE",
        'did you mean "io.kestra.plugin.core.log.Log"?',
    )
    assert len(problem["errors"]) > 1
    await api.get(f"flows/{ns}/f", 404)


@pytest.mark.parametrize(
    "source",
    [b"", b"\xff\xfe", b"- a", b"a: [", b"id: x", b"id: x\nid: y", b"{" * 5000, b"a: !!python/x b"],
)
async def test_documents_that_are_no_flow(api: Api, source: bytes) -> None:
    problem = await api.post("flows", 422, content=source)
    assert problem["errors"]
    assert problem["code"] == "INVALID"


async def test_update(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "f"))
    path = f"flows/{ns}/f"
    changed = await api.ask("PUT", f"{path}?message=Say%20bye", content=document(ns, "f", "bye"))
    assert (changed["revision"], changed["subject"]) == (2, "Say bye")
    same = await api.ask("PUT", path, content=document(ns, "f", "bye"))
    assert (same["revision"], same["commit"]) == (2, changed["commit"])
    await api.ask("PUT", path, 422, content=document(ns, "g"))
    await api.ask("PUT", path, 422, content=document(f"{ns}.other", "f"))
    await api.ask("PUT", f"flows/{ns}/nothing", 404, content=document(ns, "nothing"))
    await api.ask("PUT", f"{path}?draft=true", 422, content=document(ns, "f"))


async def test_entity_tags(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "f"))
    path = f"flows/{ns}/f"
    tag = (await api.answer("GET", path)).headers["etag"]
    for header in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await api.answer("GET", path, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    answer = await api.answer("GET", path, headers={"If-None-Match": '"x"'})
    assert answer.status_code == 200
    headers = {"If-Match": tag}
    await api.ask("PUT", path, content=document(ns, "f", "one"), headers=headers)
    problem = await api.ask("PUT", path, 412, content=document(ns, "f", "two"), headers=headers)
    assert problem["code"] == "PRECONDITION_FAILED"
    await api.ask("DELETE", path, 412, headers=headers)
    now = (await api.answer("GET", path)).headers["etag"]
    await api.ask("DELETE", path, 204, headers={"If-Match": now})


async def test_delete(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "f"))
    path = f"flows/{ns}/f"
    await api.ask("DELETE", path, 204)
    await api.ask("DELETE", path, 404)
    await api.get(path, 404)
    await api.ask("PUT", path, 404, content=document(ns, "f"))
    deleted = await api.get(f"{path}?allowDeleted=true&source=true")
    assert (deleted["deleted"], deleted["revision"]) == (True, 2)
    assert deleted["source"] == document(ns, "f")
    assert len(await api.get(f"{path}/revisions")) == 2
    assert len(await api.get(f"{path}/revisions?allowDelete=false")) == 1
    again = await api.post("flows", content=document(ns, "f"))
    assert again["revision"] == 3


async def test_revisions(api: Api, ns: str) -> None:
    made: list[Any] = [await api.post("flows", content=document(ns, "f", "one"))]
    path = f"flows/{ns}/f"
    made += [
        await api.ask("PUT", path, content=document(ns, "f", message))
        for message in ("two", "three")
    ]
    found = await api.get(f"{path}/revisions")
    assert [each["revision"] for each in found] == [1, 2, 3]
    assert [each["commit"] for each in found] == [each["commit"] for each in made]
    assert [each["source"] for each in found] == [each["source"] for each in made]
    for query, number in {
        "revision=2": 2,
        f"commit={made[1]['commit']}": 2,
        f"commit={made[1]['commit'][:10]}": 2,
        "at=2100-01-01T00:00:00Z": 3,
    }.items():
        assert (await api.get(f"{path}?{query}"))["revision"] == number
        text = await api.answer("GET", f"{path}/source?{query}")
        assert text.headers["x-revision"] == str(number)
    difference = await api.get(f"{path}/diff?from=1&to={made[2]['commit']}")
    assert "-    message: one\n" in difference
    assert "+    message: three\n" in difference
    for query, status in {
        "revision=9": 404,
        "at=2000-01-01T00:00:00Z": 404,
        "at=x": 400,
        "commit=zzzz": 400,
        "revision=1&commit=abcd": 400,
        "revison=1": 400,
    }.items():
        await api.get(f"{path}?{query}", status)
    await api.get(f"{path}/diff?from=1&to=9", 404)
    await api.get(f"{path}/diff?from=1", 400)
    await api.get(f"flows/{ns}/nothing/revisions", 404)


async def test_search(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "one", labels='{"team": "a"}'))
    await api.post("flows", content=document(ns, "two", labels='{"team": "b", "x": "1"}'))
    await api.post("flows", content=document(f"{ns}.below", "three"))

    async def ids(query: str) -> list[str]:
        found = await api.get(f"flows/search?{query}")
        assert found["total"] == len(found["results"])
        return [each["id"] for each in found["results"]]

    assert await ids(f"namespace={ns}") == ["one", "two", "three"]
    assert await ids(f"filters[namespace][EQUALS]={ns}") == ["one", "two"]
    assert await ids(f"namespace={ns}&sort=id:desc") == ["two", "three", "one"]
    assert await ids(f"namespace={ns}&q=tW") == ["two"]
    assert await ids(f"namespace={ns}&labels=team:a") == ["one"]
    assert await ids(f"namespace={ns}&filters[labels][EQUALS][team]=b") == ["two"]
    assert await ids(f"namespace={ns}&filters[flowId][IN]=one,three") == ["one", "three"]
    assert await ids(f"namespace={ns}&filters[flowId][NOT_IN]=one,three") == ["two"]
    assert await ids(f"namespace={ns}&filters[flowId][STARTS_WITH]=t") == ["two", "three"]
    groups = f"filters[or][0][flowId][EQUALS]=one&filters[or][1][flowId][EQUALS]=two&q={ns}"
    assert await ids(groups) == ["one", "two"]
    page = await api.get(f"flows/search?namespace={ns}&size=2&page=2")
    assert (page["total"], [each["id"] for each in page["results"]]) == (3, ["three"])
    assert [each["id"] for each in await api.get(f"flows/{ns}")] == ["one", "two"]
    assert await api.get(f"flows/distinct-namespaces?q={ns}") == [ns, f"{ns}.below"]
    for query in (
        "sort=x",
        "filters[x][EQUALS]=1",
        "filters[q][LIKE]=1",
        "nmespace=x",
        "size=9999",
    ):
        await api.get(f"flows/search?{query}", 400)


async def test_a_namespace_at_once(api: Api, ns: str) -> None:
    both = "\n---\n".join(document(ns, each) for each in ("one", "two", "three"))
    assert len(await api.post(f"flows/{ns}", content=both)) == 3
    before = await api.get("/api/v1/sources/main/commits?limit=1")
    changed = document(ns, "three", "new") + "---\n" + document(ns, "four")
    answer = await api.post(f"flows/{ns}", content=changed)
    assert {each["id"]: each["deleted"] for each in answer} == {
        "three": False,
        "four": False,
        "one": True,
        "two": True,
    }
    after = await api.get("/api/v1/sources/main/commits?limit=2")
    assert after[1] == before[0]  # it was one commit
    await api.get(f"flows/{ns}/one", 404)
    problem = await api.post(f"flows/{ns}", 422, content=changed + "---\n" + document(ns, "four"))
    assert "flow.id: Duplicate" in problem["message"]
    problem = await api.post(f"flows/{ns}", 422, content=document(f"{ns}.other", "f"))
    assert "namespace" in problem["message"]
    kept = await api.post(f"flows/{ns}?delete=false", content=document(ns, "five"))
    assert [each["id"] for each in kept] == ["five"]
    assert len(await api.get(f"flows/{ns}")) == 3
    only_new = document(ns, "five", "other") + "---\n" + document(ns, "six")
    made = await api.post(f"flows/{ns}?override=false", content=only_new)
    assert [each["id"] for each in made] == ["six"]


async def test_bulk(api: Api, ns: str) -> None:
    source = document(ns, "one") + "---\n" + document(f"{ns}.below", "two")
    made = await api.post("flows/bulk", content=source)
    assert [(each["namespace"], each["id"]) for each in made] == [
        (ns, "one"),
        (f"{ns}.below", "two"),
    ]
    await api.post(f"flows/bulk?namespace={ns}", 422, content=source)
    await api.post(f"flows/bulk?namespace={ns}&allowNamespaceChild=true", content=source)
    gone = await api.post(f"flows/bulk?namespace={ns}&delete=true", content=document(ns, "three"))
    assert {each["id"]: each["deleted"] for each in gone} == {"three": False, "one": True}
    names = [{"namespace": ns, "id": "three"}, {"namespace": f"{ns}.below", "id": "two"}]
    await api.ask("DELETE", "flows/delete/by-ids", 404, json=[*names, {"namespace": ns, "id": "x"}])
    assert await api.ask("DELETE", "flows/delete/by-ids", json=names) == {"count": 2}
    await api.ask("DELETE", "flows/delete/by-ids", 422, json=[{"namespace": ns}])
    assert await api.get(f"flows/{ns}") == []


async def test_validate(api: Api, ns: str) -> None:
    await api.post("flows", content=document(ns, "known"))
    await api.ask("PUT", f"flows/{ns}/known", content=document(ns, "known", "bye"))
    bad = document(ns, "bad").replace("message", "mesage")
    source = f"{document(ns, 'good')}---\n{bad}---\n{document(ns, 'known', revision='1')}"
    results = await api.post("flows/validate", content=source)
    assert [each["index"] for each in results] == [0, 1, 2]
    assert "constraints" not in results[0]
    assert (results[0]["flow"], results[0]["namespace"]) == (ns and "good", ns)
    first = next(each for each in results[1]["problems"] if each["code"] == "UNKNOWN_PROPERTY")
    assert "mesage" in results[1]["constraints"]
    assert first["line"] == len(document(ns, "good").splitlines()) + 1 + 7
    assert first["fix"]
    assert await api.get(f"flows/{ns}/good", 404)
    assert await api.post("flows/validate", content="") == []


async def test_validate_a_part(api: Api) -> None:
    good = {"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "hi"}
    assert "constraints" not in await api.post("flows/validate/task?section=tasks", json=good)
    (verdict,) = await api.post("flows/validate/task", json=good)
    assert "constraints" not in verdict
    (verdict,) = await api.post("flows/validate/task", json={**good, "type": "io.kestra.Unknown"})
    assert "Invalid type: io.kestra.Unknown" in verdict["constraints"]
    cron = {"id": "s", "type": "io.kestra.plugin.core.trigger.Schedule"}
    (verdict,) = await api.post("flows/validate/trigger", json=cron)
    assert "cron: must not be null" in verdict["constraints"]


# -- pins and rollback ---------------------------------------------------------------------------


async def test_pin_and_unpin(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    second = await api.flow(ns, RETURN.replace("Hello", "Bye"))
    path = f"flows/{ns}/f"
    pin = await api.post(f"{path}/pin", json={"revision": 1, "reason": "bye is rude"})
    assert (pin["revision"], pin["reason"], pin["until"]) == (1, "bye is rude", "changed")
    pinned = await api.get(path)
    assert (pinned["revision"], pinned["pinned"]) == (1, True)
    assert [each["flowId"] for each in await api.get("pins") if each["namespace"] == ns] == ["f"]
    execution = await api.run(f"{ns}/f")
    assert execution["taskRunList"][0]["outputs"]["value"] == "Hello world"
    assert execution["flowRevision"] == 1
    await api.ask("DELETE", f"{path}/pin", 204)
    await api.ask("DELETE", f"{path}/pin", 404)
    assert (await api.get(path))["revision"] == second["revision"]
    for body, status in (
        ({}, 422),
        ({"revision": 1, "commit": "abcd"}, 422),
        ({"revision": 0}, 422),
        ({"revision": 9}, 404),
        ({"revision": 1, "until": "soon"}, 400),
        ({"revision": 1, "who": "me"}, 422),
    ):
        await api.post(f"{path}/pin", status, json=body)


async def test_rollback(api: Api, ns: str) -> None:
    first = await api.flow(ns, RETURN)
    await api.flow(ns, RETURN.replace("Hello", "Bye"))
    path = f"flows/{ns}/f"
    await api.post(f"{path}/rollback")
    assert (await api.run(f"{ns}/f"))["taskRunList"][0]["outputs"]["value"] == "Hello world"
    await api.flow(ns, RETURN.replace("Hello", "Hi"))  # another blob: the pin has ended
    assert (await api.run(f"{ns}/f"))["taskRunList"][0]["outputs"]["value"] == "Hi world"
    for to in (first["commit"], first["commit"][:8], 1, "1"):
        pin = await api.post(f"{path}/rollback", json={"to": to, "reason": "test"})
        assert pin["revision"] == 1
    execution = await api.run(f"{ns}/f")
    assert (execution["flowRevision"], execution["commit"]) == (1, first["commit"])
    await api.post(f"{path}/rollback", 404, json={"to": "0000000"})
    await api.post(f"{path}/rollback", 422, json={"to": "not a commit"})
    await api.post(f"flows/{ns}/nothing/rollback", 404)


async def test_an_execution_goes_on_with_its_revision(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE.replace("BOOLEAN", "BOOLEAN\n        defaults: true"))
    execution = await api.post(f"executions/{ns}/f")
    await api.until(execution["id"], "PAUSED")
    await api.flow(ns, RETURN)
    await api.post(f"executions/{execution['id']}/resume", 204)
    ended = await api.until(execution["id"], "SUCCESS")
    assert [run["taskId"] for run in ended["taskRunList"]] == ["ask", "after"]
    assert ended["flowRevision"] == 1


async def test_writes_at_the_same_time(api: Api, ns: str) -> None:
    made = await asyncio.gather(
        *(api.post("flows", content=document(ns, f"f{number}")) for number in range(20))
    )
    assert {each["revision"] for each in made} == {1}
    assert len({each["commit"] for each in made}) == 20
    assert len(await api.get(f"flows/{ns}")) == 20
