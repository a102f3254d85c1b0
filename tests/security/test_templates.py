"""Templates that arrive as data: they stay text, wherever they go."""

import base64

import pytest

from app.config.sections import ExpressionSettings
from app.engine.host import environment_for
from tests.engine.harness import Engine, flow

BAIT = "{{ secret('TOKEN') }}"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"canary-77aa01").decode())


async def ran(source: str, **inputs: str) -> tuple[Engine, dict[str, object]]:
    engine = Engine(flow(source))
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run(inputs=inputs)
        assert execution.state.value == "SUCCESS", execution
    return engine, {path: dict(run.outputs or {}) for path, run in execution.task_runs.items()}


async def test_what_data_says_is_never_evaluated() -> None:
    engine, outputs = await ran(
        """
        id: f
        inputs: [{id: word, type: STRING}]
        variables: {kept: "{{ inputs.word }}"}
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ inputs.word }}"}
          - {id: b, type: core.debug.Return, format: "{{ outputs.a.value }}"}
          - {id: c, type: core.log.Log, message: "{{ outputs.b.value }}"}
          - id: loop
            type: core.flow.ForEach
            values: ["{{ outputs.b.value }}"]
            tasks: [{id: d, type: core.debug.Return, format: "{{ taskrun.value }}"}]
        """,
        word=BAIT,
    )
    assert outputs["/a"]["value"] == outputs["/b"]["value"] == BAIT
    assert BAIT in [each.message for each in engine.journal.logs]
    assert "canary" not in repr(outputs)
    assert "canary" not in repr(engine.journal.events)


async def test_only_what_asks_for_it_is_rendered_again_and_ends() -> None:
    engine = Engine(
        flow("""
        id: f
        variables: {a: "{{ render(vars.b) }}", b: "{{ render(vars.a) }}"}
        tasks: [{id: x, type: core.debug.Return, format: "{{ render(vars.a) }}"}]
    """)
    )
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run()
    assert execution.state.value == "FAILED"
    assert execution.task_runs["/x"].error
