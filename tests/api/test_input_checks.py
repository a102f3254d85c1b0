"""Inputs checked before an execution starts or goes on."""

import pytest

from tests.api.conftest import PAUSE, Api, form

pytestmark = pytest.mark.asyncio(loop_scope="module")

INPUTS = """
inputs:
  - {id: name, type: STRING, defaults: world}
  - {id: count, type: INT, max: 3}
  - {id: file, type: FILE, required: false}
  - {id: token, type: SECRET, required: false}
  - id: more
    type: STRING
    required: false
    dependsOn: {inputs: [name], condition: "{{ inputs.name == 'x' }}"}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
"""


async def test_inputs_of_a_flow(api: Api, ns: str) -> None:
    await api.flow(ns, INPUTS)
    path = f"executions/{ns}/f/validate"
    found = await api.post(path, files={"count": (None, "4"), "file": ("a.txt", b"data")})
    states = {each["input"]["id"]: each for each in found["inputs"]}
    assert (found["id"], found["namespace"]) == ("f", ns)
    assert states["name"]["value"] == "world"
    assert states["name"]["isDefault"] is True
    assert "3" in states["count"]["errors"][0]["message"]
    assert states["more"]["enabled"] is False
    assert not await api.node.storage.below(f"kestra:///{ns}/f")
    found = await api.post(path, files=form({"count": "2", "name": "x"}))
    states = {each["input"]["id"]: each for each in found["inputs"]}
    assert states["more"]["enabled"] is True
    assert states["count"]["value"] == 2
    assert not any(each["errors"] for each in found["inputs"])
    missing = await api.post(path)
    assert missing["inputs"][1]["errors"]


async def test_the_checks_of_a_flow(api: Api, ns: str) -> None:
    source = """
    inputs:
      - {id: count, type: INT}
      - {id: word, type: SECRET, required: false}
    checks:
      - {condition: "{{ inputs.count < 3 }}", message: "{{ inputs.count }} is too many"}
      - {condition: "{{ inputs.word is null }}", message: "not {{ inputs.word }}", style: WARNING,
         behavior: CREATE_EXECUTION}
      - {condition: "{{ labels.team is defined }}", message: "no team", behavior: FAIL_EXECUTION}
    tasks: [{id: say, type: io.kestra.plugin.core.debug.Return, format: x}]
    """
    await api.flow(ns, source)
    path = f"executions/{ns}/f/validate"
    given = form({"count": "4", "word": "sesame"})
    found = await api.post(path, files=given)
    many = {"message": "4 is too many", "style": "INFO", "behavior": "BLOCK_EXECUTION"}
    word = {"message": "not ********", "style": "WARNING", "behavior": "CREATE_EXECUTION"}
    team = {"message": "no team", "style": "INFO", "behavior": "FAIL_EXECUTION"}
    assert found["checks"] == [many, word, team]
    assert (await api.post(f"{path}?labels=team:a", files=given))["checks"] == [many, word]
    assert (await api.post(path, files=form({"count": "1"})))["checks"] == [team]
    assert (await api.post(path, files=form({"count": "no"})))["checks"] == []
    await api.post(f"{path}?labels=team", 422, files=given)
    assert not await api.node.storage.below(f"kestra:///{ns}/f")
    assert (await api.get(f"executions/search?namespace={ns}"))["total"] == 0


async def test_checks_that_are_refused(api: Api, ns: str) -> None:
    await api.flow(ns, INPUTS)
    await api.post(f"executions/{ns}/nope/validate", 404)
    await api.post(f"executions/{ns}/f/validate?revision=9", 404)
    await api.post(f"executions/{ns}/f/validate?revision=0", 400)
    await api.post("executions/nosuch/resume/validate", 404)


async def test_inputs_of_a_resumption(api: Api, ns: str) -> None:
    await api.flow(ns, PAUSE)
    execution = await api.post(f"executions/{ns}/f")
    await api.until(execution["id"], "PAUSED")
    for between in ("resume/validate", "actions/resume/validate"):
        path = f"executions/{execution['id']}/{between}"
        found = await api.post(path)
        assert found["inputs"][0]["errors"]
        found = await api.post(path, files=form({"approved": "true"}))
        assert found["inputs"][0]["value"] is True
    await api.post(f"executions/{execution['id']}/resume", 204, files=form({"approved": "true"}))
    await api.until(execution["id"], "SUCCESS")
    await api.post(f"executions/{execution['id']}/resume/validate", 409)
