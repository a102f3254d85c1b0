"""What is asked about executions: graphs, flows, expressions."""

import base64

import pytest

from tests.api.conftest import PAUSE, RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOP = """
inputs:
  - {id: token, type: STRING, required: false}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    tasks:
      - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}
"""

KEEPS = """
tasks:
  - id: held
    type: io.kestra.plugin.core.debug.Return
    format: "{{ secret('MINE') }}"
  - id: set
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {token: "{{ outputs.held.value }}"}
"""


async def test_expressions_in_their_place(api: Api, ns: str) -> None:
    await api.flow(ns, LOOP)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    second = next(r for r in execution["taskRunList"] if r.get("value") == "b")
    assert await api.post(f"{path}/eval", content="plain") == {"result": "plain"}
    found = await api.post(
        f"{path}/actions/eval", content="{{ flow.id }} {{ outputs.say.a.value }}"
    )
    assert found == {"result": "f a"}
    for between in ("eval", "actions/eval"):
        found = await api.post(f"{path}/{between}/{second['id']}", content="{{ taskrun.value }}!")
        assert found == {"result": "b!"}
    found = await api.post(f"{path}/eval/{second['id']}", content="{{ missing }}")
    assert "missing" in found["error"]
    assert "result" not in found
    assert "/" not in found["stackTrace"]
    found = await api.post(f"{path}/eval", content="{{ broken")
    assert found["error"]


async def test_expressions_tell_no_secrets(
    api: Api, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_MINE", base64.b64encode(b"hidden!").decode())
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}/eval"
    for expression in ("{{ secret('MINE') }}", "{{ secret('MINE') | upper }}"):
        assert await api.post(path, content=expression) == {"result": "******"}
    found = await api.post(path, content="{{ secret('MINE') | base64encode }}")
    assert base64.b64decode(found["result"]) == b"******"


async def test_expressions_tell_nothing_of_what_is_sealed(
    api: Api, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_MINE", base64.b64encode(b"hidden!").decode())
    await api.flow(ns, KEEPS)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}/eval"
    run = next(each for each in execution["taskRunList"] if each["taskId"] == "held")
    for place in (path, f"{path}/{run['id']}"):
        for held in ("outputs.held.value", "vars.token"):
            found = await api.post(place, content=f"{{{{ {held} | replace({{'d': '~'}}) }}}}")
            assert found == {"result": "********"}


async def test_expressions_that_are_refused(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    path = f"executions/{execution['id']}"
    await api.post("executions/nosuch/eval", 404, content="x")
    await api.post(f"{path}/eval/nosuch", 404, content="x")
    await api.post(f"{path}/eval", 400, content=b"\xff")
    await api.post(f"{path}/eval", 413, content="x" * 100_001)


async def test_graph_of_an_execution(api: Api, ns: str) -> None:
    await api.flow(ns, LOOP)
    execution = await api.run(f"{ns}/f")
    graph = await api.get(f"executions/{execution['id']}/graph")
    runs = [node["taskRun"]["value"] for node in graph["nodes"] if node.get("values")]
    assert runs == ["a", "b"]
    assert graph["flowables"] == ["each"]
    await api.get("executions/nosuch/graph", 404)


async def test_flows_as_forms_need_them(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    await api.flow(ns, RETURN.replace("world", "moon"))
    assert (await api.get(f"executions/{execution['id']}/flow"))["revision"] == 1
    flow = await api.get(f"executions/flows/{ns}/f")
    assert flow["revision"] == 2
    assert flow["inputs"][0]["id"] == "name"
    assert flow["tasks"] == [{"id": "say", "type": "io.kestra.plugin.core.debug.Return"}]
    assert (await api.get(f"executions/flows/{ns}/f?revision=1"))["revision"] == 1
    assert ns in await api.get("executions/namespaces")
    assert [each["id"] for each in await api.get(f"executions/namespaces/{ns}/flows")] == ["f"]
    await api.get(f"executions/flows/{ns}/nope", 404)


async def test_disabled_flows_are_not_offered(api: Api, ns: str) -> None:
    await api.flow(ns, f"disabled: true\n{PAUSE}")
    assert await api.get(f"executions/namespaces/{ns}/flows") == []


async def test_expressions_find_no_secret_by_guessing(
    api: Api, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is masked in an answer tells which of ten thousand guesses was the right one."""
    monkeypatch.setenv("SECRET_PIN", base64.b64encode(b"4711").decode())
    await api.flow(ns, RETURN)
    execution = await api.run(f"{ns}/f")
    guesses = " ".join(f"{each:04}" for each in range(10_000))
    path = f"executions/{execution['id']}/eval"
    found = await api.post(path, content="{{ secret('PIN') }} " + guesses)
    assert set(guesses.split()) <= set(found["result"].split())
