"""Graphs, dependencies, archives, searches and small changes of flows."""

import io
import zipfile

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = """
tasks:
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {ns}, flowId: {flow}}}
"""
LISTEN = """
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return, format: x}}
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    preconditions: {{id: p, flows: [{{namespace: {ns}, flowId: {flow}}}]}}
"""


async def test_graphs(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN, "inner")
    await api.flow(ns, CALL.format(ns=ns, flow="inner"), "outer")
    graph = await api.get(f"flows/{ns}/outer/graph")
    assert [node["uid"] for node in graph["nodes"]] == ["root.start", "root.end", "root.call"]
    assert graph["nodes"][2]["type"].endswith(".SubflowGraphTask")
    assert graph["edges"][0]["relation"] == {}
    whole = await api.get(f"flows/{ns}/outer/graph?subflows=root.call&subflows=root.nope")
    assert [each["cluster"]["uid"] for each in whole["clusters"]] == ["cluster_root.call"]
    assert "root.call.say" in [node["uid"] for node in whole["nodes"]]
    source = await api.get(f"flows/{ns}/outer/source")
    assert await api.post("flows/graph", content=source) == graph
    await api.flow(ns, RETURN, "outer")
    assert await api.get(f"flows/{ns}/outer/graph?revision=1") == graph


async def test_graphs_that_are_not_there(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    await api.get(f"flows/{ns}/nope/graph", 404)
    await api.get(f"flows/{ns}/f/graph?revision=7", 404)
    await api.post("flows/graph", 422, content="id: x")


async def test_dependencies(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN, "last")
    await api.flow(ns, CALL.format(ns=ns, flow="last"), "middle")
    await api.flow(ns, LISTEN.format(ns=ns, flow="middle"), "listener")
    await api.flow(ns, CALL.format(ns=ns, flow="middle"), "first")

    async def around(flow: str, query: str = "") -> tuple[list[str], list[str]]:
        found = await api.get(f"flows/{ns}/{flow}/dependencies{query}")
        return [each["id"] for each in found["nodes"]], [
            each["relation"] for each in found["edges"]
        ]

    assert await around("middle") == (
        ["first", "last", "listener", "middle"],
        ["FLOW_TASK", "FLOW_TASK", "FLOW_TRIGGER"],
    )
    assert (await around("middle", "?destinationOnly=true"))[0] == ["last", "listener", "middle"]
    assert (await around("first"))[0] == ["first", "middle"]
    assert len((await around("first", "?expandAll=true"))[0]) == 4
    found = await api.get(f"namespaces/{ns}/dependencies")
    assert len(found["nodes"]) == 4
    assert found["edges"][0]["source"] == f"main_{ns}_first"
    await api.get(f"flows/{ns}/nope/dependencies", 404)


async def test_a_circle_of_subflows_is_told(api: Api, ns: str) -> None:
    await api.flow(ns, CALL.format(ns=ns, flow="b"), "a")
    source = f"id: b\nnamespace: {ns}\n{CALL.format(ns=ns, flow='a')}"
    [found] = await api.post("flows/validate", content=source)
    assert f"{ns}.b → {ns}.a → {ns}.b" in found["warnings"][-1]
    assert "constraints" not in found
    [found] = await api.post("flows/validate", content=source.replace("flowId: a", "flowId: x"))
    assert found["warnings"] == []


async def test_disabling_and_enabling(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN + "# the end\n", "a")
    await api.flow(ns, RETURN, "b")
    names = [{"namespace": ns, "id": "a"}, {"namespace": ns, "id": "b"}]
    assert await api.post("flows/disable/by-ids", json=names) == {"count": 2}
    flow = await api.get(f"flows/{ns}/a?source=true")
    assert flow["disabled"] is True
    assert flow["source"].endswith("# the end\n")
    await api.post(f"executions/{ns}/a", 409)
    query = f"filters[namespace][EQUALS]={ns}"
    assert await api.post(f"flows/enable/by-query?{query}") == {"count": 2}
    assert (await api.get(f"flows/{ns}/b"))["disabled"] is False
    assert await api.post(f"flows/disable/by-query?namespace={ns}") == {"count": 2}
    assert await api.ask("DELETE", f"flows/delete/by-query?{query}") == {"count": 2}
    assert (await api.get(f"flows/search?{query}"))["total"] == 0
    await api.post("flows/disable/by-ids", 404, json=[{"namespace": ns, "id": "nope"}])
    assert await api.post("flows/disable/by-ids", json=[]) == {"count": 0}


async def test_replacing_a_task(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN + "# kept\n")
    task = {"id": "say", "type": "io.kestra.plugin.core.debug.Return", "format": "new"}
    changed = await api.ask("PATCH", f"flows/{ns}/f/say", json=task)
    assert (changed["revision"], changed["tasks"][0]["format"]) == (2, "new")
    assert changed["source"].endswith("# kept\n")
    await api.ask("PATCH", f"flows/{ns}/f/nope", 404, json={**task, "id": "nope"})
    await api.ask("PATCH", f"flows/{ns}/f/say", 422, json={**task, "id": "x"})
    await api.ask("PATCH", f"flows/{ns}/f/say", 422, json={**task, "format": {}})
    await api.ask("PATCH", f"flows/{ns}/f/say", 422, content="[")


async def test_sources_are_searched(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN, "a")
    await api.flow(ns, RETURN.replace("Hello", "Bye"), "b")
    found = await api.get(f"flows/source?q=hello&namespace={ns}")
    assert found["total"] == 1
    [hit] = found["results"]
    assert (hit["id"], hit["model"]["id"]) == ("a", "a")
    assert "[mark]Hello[/mark] {{ inputs.name }}" in hit["fragments"][0]
    assert hit["matches"][0]["text"].strip() == 'format: "Hello {{ inputs.name }}"'
    for query, total in (
        ("q=hello&caseSensitive=true", 0),
        ("q=Hell&wholeWord=true", 0),
        ("q=H.l%2Bo|By.&regex=true", 2),
        ("q=name&scope=INPUTS", 2),
        ("q=Hello&scope=INPUTS", 0),
        ("q=format&size=1", 2),
    ):
        found = await api.get(f"flows/source?{query}&namespace={ns}")
        assert found["total"] == total, query
    await api.get("flows/source?q=(&regex=true", 400)


async def test_archives(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN, "a")
    await api.flow(ns, RETURN, "b")
    query = f"filters[namespace][EQUALS]={ns}"
    answer = await api.answer("GET", f"flows/export/by-query?{query}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"{ns}-a.yml", f"{ns}-b.yml"]
    one = await api.answer("POST", "flows/export/by-ids", json=[{"namespace": ns, "id": "a"}])
    assert len(zipfile.ZipFile(io.BytesIO(one.content)).namelist()) == 1
    table = await api.get(f"flows/export/by-query/csv?{query}")
    assert len(table.splitlines()) == 3
    await api.ask("DELETE", f"flows/delete/by-query?{query}")
    upload = {"fileUpload": ("flows.zip", answer.content)}
    assert await api.post("flows/import", files=upload) == []
    assert (await api.get(f"flows/search?{query}"))["total"] == 2


async def test_imports_that_are_wrong(api: Api, ns: str) -> None:
    good = f"id: good\nnamespace: {ns}\n{RETURN}"
    both = f"{good}\n---\nid: bad\nnamespace: {ns}\ntasks: []\n"
    upload = {"fileUpload": ("flows.yml", both.encode())}
    await api.post("flows/import?failOnError=true", 422, files=upload)
    await api.get(f"flows/{ns}/good", 404)
    assert await api.post("flows/import", files=upload) == ["flows.yml"]
    await api.get(f"flows/{ns}/good")
    for name, data in (("x.txt", b""), ("x.zip", b"no zip"), ("x.yml", b"\xff")):
        await api.post("flows/import", 422, files={"fileUpload": (name, data)})
    await api.post("flows/import", 400, files={"other": (None, "x")})
    await api.post("flows/import", 400, content="x")
