"""Inputs at the start of an execution: answers from outside, secrets, namespace files."""

import os
from typing import Any

import pytest

from app.config.sections import ExpressionSettings
from app.engine.host import environment_for
from app.engine.resolver import InputResolver
from app.errors import Invalid
from app.executions import State
from app.flows.encryption import Cipher, is_sealed
from app.flows.inputs import InvalidInputs
from app.ports import KeyValue
from tests.engine.harness import Engine, flow

SECRET = """
id: f
inputs:
  - {id: password, type: SECRET}
  - {id: many, type: ARRAY, itemType: SECRET, required: false}
  - {id: hint, type: STRING, required: false,
     dependsOn: {inputs: [password], condition: "{{ inputs.password == 'hunter2' }}"}}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "it is {{ inputs.password }}"}
  - {id: show, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.password | length }}"}
outputs:
  - {id: again, type: SECRET, value: "{{ inputs.password }}"}
"""


def resolver(engine: Engine) -> InputResolver:
    environment = environment_for(ExpressionSettings(), engine.parts)
    return InputResolver(engine.parts, engine.executor.make, environment)


async def test_a_secret_is_sealed_everywhere_but_in_expressions() -> None:
    async with Engine(flow(SECRET), cipher=Cipher(os.urandom(32))) as engine:
        done = await engine.run(
            inputs={"password": "hunter2", "many": '["aaa", "bbb"]', "hint": "yes"}
        )
    assert done.state is State.SUCCESS
    assert is_sealed(done.inputs["password"])
    assert all(map(is_sealed, done.inputs["many"]))
    assert done.inputs["hint"] == "yes"
    assert done.task_runs["/show"].outputs == {"value": "7"}
    assert is_sealed(done.outputs["again"])
    assert [line.message for line in engine.journal.logs] == ["it is ********", "7"]
    assert "hunter2" not in repr(engine.journal.events)


async def test_a_secret_output_of_a_subflow_is_seen_in_plain_text() -> None:
    parent = flow(
        """
        id: parent
        tasks:
          - {id: sub, type: io.kestra.plugin.core.flow.Subflow, namespace: tests, flowId: f,
             inputs: {password: hunter2}, wait: true}
          - {id: show, type: io.kestra.plugin.core.debug.Return,
             format: "{{ outputs.sub.outputs.again | length }}"}
        """
    )
    async with Engine(parent, flow(SECRET), cipher=Cipher(os.urandom(32))) as engine:
        done = await engine.run("parent")
        assert done.state is State.SUCCESS, done
        assert done.task_runs["/show"].outputs == {"value": "7"}
        assert is_sealed(done.task_runs["/sub"].outputs["outputs"]["again"])


async def test_without_a_key_secrets_are_refused() -> None:
    output = """
    id: f
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
    outputs:
      - {id: again, type: SECRET, value: x}
    """
    async with Engine(flow(SECRET)) as engine:
        with pytest.raises(Invalid, match="ENCRYPTION") as caught:
            await engine.create(inputs={"password": "hunter2"})
        assert "hunter2" not in caught.value.message
    async with Engine(flow(output)) as engine:
        done = await engine.run()
    assert done.state is State.FAILED
    assert "ENCRYPTION" in (done.reason or "")


async def test_expressions_of_inputs_ask_the_outside() -> None:
    loaded = flow(
        """
        id: f
        inputs:
          - {id: city, type: SELECT, expression: "{{ kv('cities') }}", autoSelectFirst: true}
          - {id: name, type: STRING, defaults: "{{ kv('name') }} of {{ flow.namespace }}"}
        tasks:
          - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
        """
    )
    async with Engine(loaded) as engine:
        for key, kind, value in (("cities", "JSON", ["Bonn", "Kiel"]), ("name", "STRING", "Ann")):
            pair = KeyValue(key, kind, value, None, 1, 1, None)
            await engine.key_values.put("main", "tests", pair)
        found = await resolver(engine).start(loaded, {}, "e1")
        assert found == {"city": "Bonn", "name": "Ann of tests"}
        with pytest.raises(InvalidInputs, match="must match the values"):
            await resolver(engine).start(loaded, {"city": "Rom"}, "e1")
        await engine.key_values.delete("main", "tests", "name")
        with pytest.raises(InvalidInputs, match="name"):
            await resolver(engine).start(loaded, {}, "e1")


async def test_a_namespace_file_becomes_a_file_of_the_execution() -> None:
    loaded = flow(
        """
        id: f
        inputs:
          - {id: data, type: FILE, defaults: "nsfile:///in/data.csv"}
        tasks:
          - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.data }}"}
        """
    )

    async def written(engine: Engine, namespace: str) -> Any:
        return await engine.parts.files.write(
            "main", namespace, {"in/data.csv": b"1,2"}, reason="test"
        )

    async with Engine(loaded) as engine:
        with pytest.raises(InvalidInputs, match=r"no file in/data\.csv"):
            await engine.create()
        await written(engine, "tests")
        done = await engine.run()
        uri = done.inputs["data"]
        assert uri == f"kestra:///tests/f/executions/{done.id}/inputs/data/data.csv"
        assert engine.storage.files[uri] == b"1,2"
        await written(engine, "other")
        done = await engine.run(inputs={"data": "nsfile://other/in/data.csv"})
        assert engine.storage.files[done.inputs["data"]] == b"1,2"
        for wrong in ("file:///etc/passwd", "/etc/passwd", "data.csv"):
            with pytest.raises(InvalidInputs, match="stored file"):
                await engine.create(inputs={"data": wrong})


async def test_what_a_failure_tells_is_masked() -> None:
    loaded = flow(
        """
        id: f
        inputs:
          - {id: short, type: SECRET}
          - {id: long, type: SECRET}
        tasks:
          - {id: no, type: io.kestra.plugin.core.execution.Fail,
             errorMessage: "{{ inputs.long }} is wrong"}
        """
    )
    async with Engine(loaded, cipher=Cipher(os.urandom(32))) as engine:
        done = await engine.run(inputs={"short": "hunter", "long": "hunter2"})
    assert done.task_runs["/no"].error == "******** is wrong"
    assert engine.journal.logs[-1].message == "******** is wrong"


async def test_no_plain_secret_is_kept_of_inputs_that_are_tolerated() -> None:
    loaded = flow(
        """
        id: f
        inputs:
          - {id: password, type: SECRET, validator: "[a-z]+"}
          - {id: count, type: INT}
        tasks:
          - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
        """
    )
    async with Engine(loaded) as engine:
        data = {"password": "HUNTER", "count": "x", "other": 1}
        found = await resolver(engine).tolerated(loaded, data, "e1")
        assert found == {"count": "x", "other": 1}
        found = await resolver(engine).tolerated(loaded, {"password": "hunter"}, "e1")
        assert found.get("password") is None
