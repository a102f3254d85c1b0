"""Flow triggers: who hears of whom, what is remembered, chains, crashes."""

import asyncio
from typing import Any

import pytest

from app.db.database import Database
from app.db.trigger_records import TriggerState
from app.executions import Execution, State
from app.flows.trigger_types import FlowTrigger
from app.triggers.listening import heard_by
from tests.triggers.rig import Rig, RigFlows, clock_at

UP = """
id: {id}
labels: {{team: {id}}}
inputs:
  - {{id: fail, type: BOOL, defaults: false}}
outputs:
  - {{id: from, type: STRING, value: "{id}"}}
tasks:
  - id: only
    type: io.kestra.plugin.core.debug.Return
    format: "{id} says hello"
    runIf: "{{{{ not inputs.fail }}}}"
  - id: maybe
    type: io.kestra.plugin.core.execution.Fail
    runIf: "{{{{ inputs.fail }}}}"
"""

DOWN = """
id: {id}
inputs:
  - {{id: word, type: STRING}}
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Flow
{trigger}
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ inputs.word ?? trigger.flowId }}}}"
"""

AFTER_A = """
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: tests
        flowId: a
"""


def up(name: str) -> str:
    return UP.format(id=name)


def down(trigger: str, name: str = "down") -> str:
    return DOWN.format(id=name, trigger=trigger.strip("\n"))


async def run(rig: Rig, flow_id: str, **inputs: Any) -> Execution:
    made = await rig.engine.create(flow_id, inputs=inputs)
    async with asyncio.timeout(20):
        while not (await rig.engine.executor.get(made)).state.terminal:
            await asyncio.sleep(0.001)
    await rig.step()
    return await rig.engine.executor.get(made)


def value(execution: Execution) -> Any:
    return execution.task_runs["/say"].outputs["value"]  # type: ignore[index]


async def test_a_flow_starts_after_another(database: Database) -> None:
    inputs = '    inputs: {word: "{{ outputs.only.value }} {{ trigger.outputs.from }}"}\n'
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(down(inputs + AFTER_A))
        upstream = await run(rig, "a")
        (started,) = await rig.ended("down")
        assert value(started) == "a says hello a"
        assert started.trigger == {
            "id": "t",
            "type": "io.kestra.plugin.core.trigger.Flow",
            "variables": {
                "executionId": upstream.id,
                "namespace": "tests",
                "flowId": "a",
                "flowRevision": 1,
                "state": "SUCCESS",
                "outputs": {"from": "a"},
            },
        }
        labels = dict(started.labels)
        assert labels["system.correlationId"] == upstream.id
        assert started.chain == 1


async def test_nobody_listens(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(down(AFTER_A))
        rig.flows.put(up("b"))
        await rig.step()
        rig.triggers._heard.clear()
        await run(rig, "b")
        assert not rig.triggers._heard.is_set()
        rows = await database.fetch_sql("SELECT count(*) FROM upstream_event")
        assert rows[0][0] == 0
        assert await rig.executions("down") == []


async def test_states_and_conditions(database: Database) -> None:
    only_failed = AFTER_A + "    states: [FAILED]\n"
    labelled = (
        "    conditions:\n"
        "      - {type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: tes,"
        " prefix: true}\n"
        "      - {type: io.kestra.plugin.core.condition.ExecutionLabels, labels: {team: a}}\n"
        "      - {type: io.kestra.plugin.core.condition.ExecutionOutputs,"
        " expression: \"{{ trigger.outputs.from == 'a' }}\"}\n"
    )
    async with Rig(database) as rig:
        for source in (up("a"), up("b"), down(only_failed, "failed"), down(labelled, "labelled")):
            rig.flows.put(source)
        await run(rig, "a")
        await run(rig, "b")
        assert len(await rig.ended("labelled", 1)) == 1
        assert await rig.executions("failed") == []
        await run(rig, "a", fail=True)
        assert len(await rig.ended("failed", 1)) == 1


async def test_inputs_that_cannot_be_rendered_start_nothing(database: Database) -> None:
    inputs = '    inputs: {word: "{{ nothing.there }}"}\n'
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(down(inputs + AFTER_A))
        rig.flows.put(down(inputs + "    failOnTriggerError: true\n" + AFTER_A, "told"))
        await run(rig, "a")
        (told,) = await rig.ended("told")
        assert told.state is State.FAILED
        assert await rig.executions("down") == []


async def test_a_flow_never_starts_itself_and_chains_end(database: Database) -> None:
    any_flow = "    description: everything"
    async with Rig(database, chain_depth=3) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(down(any_flow, "one"))
        rig.flows.put(down(any_flow, "two"))
        await run(rig, "a")
        # one and two start each other: 1 + 1, then 1 + 1, then 1 + 1, and that is it.
        assert len(await rig.ended("one", 3)) == 3
        assert len(await rig.ended("two", 3)) == 3
        assert {each.chain for each in await rig.executions("one")} == {1, 2, 3}


PRECONDITIONS = """
    preconditions:
      id: both
      {more}
      flows:
        - {{namespace: tests, flowId: a, states: [SUCCESS]}}
        - {{namespace: tests, flowId: b}}
"""


async def test_preconditions_remember(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(PRECONDITIONS.format(more="description: x")))
        await run(rig, "a")
        await run(rig, "a")
        assert await rig.executions("down") == []
        await run(rig, "b")
        await run(rig, "b")
        (started,) = await rig.ended("down")
        assert started.trigger["variables"]["outputs"] == {"from": "b"}  # type: ignore[index]
        await run(rig, "a")
        assert len(await rig.ended("down", 2)) == 2  # the second b counted


async def test_preconditions_that_are_not_reset(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(PRECONDITIONS.format(more="resetOnSuccess: false")))
        for name in ("a", "b", "a"):
            await run(rig, name)
        assert len(await rig.ended("down", 2)) == 2


async def test_results_of_another_window_do_not_count(database: Database) -> None:
    window = "timeWindow: {type: SLIDING_WINDOW, window: PT1H}"
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(PRECONDITIONS.format(more=window)))
        await run(rig, "a")
        rig.clock.advance(3601)
        await run(rig, "b")
        assert await rig.executions("down") == []
        await run(rig, "a")
        assert len(await rig.ended("down")) == 1


async def test_filters_on_executions(database: Database) -> None:
    where = """
    preconditions:
      id: filtered
      where:
        - id: any
          operand: OR
          filters:
            - {field: FLOW_ID, type: STARTS_WITH, value: z}
            - {field: FLOW_ID, type: REGEX, value: "[ab]"}
        - id: all
          filters:
            - {field: NAMESPACE, type: EQUAL_TO, value: tests}
            - {field: STATE, type: IN, values: [SUCCESS]}
            - {field: EXPRESSION, type: IS_TRUE, value: "{{ labels.team == 'b' }}"}
    """
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(where))
        await run(rig, "a")
        assert await rig.executions("down") == []
        await run(rig, "b")
        assert len(await rig.ended("down")) == 1


async def test_the_older_form(database: Database) -> None:
    multiple = """
    conditions:
      - type: io.kestra.plugin.core.condition.MultipleCondition
        id: older
        window: P1D
        conditions:
          first: {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: tests, flowId: a}
          second: {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: tests, flowId: b}
    """
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(multiple))
        await run(rig, "a")
        await run(rig, "b")
        assert len(await rig.ended("down")) == 1


DEPENDS = """
    dependsOn:
      - {{namespace: tests, flowId: a}}
      - {{namespace: tests, flowId: b, when: "{{{{ labels.team == 'b' }}}}"}}
    {more}
"""


async def test_the_newer_form_tells_outputs_by_flow(database: Database) -> None:
    async with Rig(database) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(DEPENDS.format(more="mode: ALL")))
        rig.flows.put(down(DEPENDS.format(more="mode: ANY"), "either"))
        await run(rig, "a")
        await run(rig, "b")
        (started,) = await rig.ended("down")
        outputs = started.trigger["variables"]["outputs"]  # type: ignore[index]
        assert outputs == {"a": {"from": "a"}, "b": {"from": "b"}}
        assert len(await rig.ended("either", 2)) == 2


async def test_a_window_that_is_missed(database: Database) -> None:
    more = "window: {every: PT1H}\n    onMiss: {behavior: FAIL, labels: {missed: 'yes'}}"
    async with Rig(database, clock_at("2024-05-01T10:10:00Z")) as rig:
        rig.flows.put(up("a"))
        rig.flows.put(up("b"))
        rig.flows.put(down(DEPENDS.format(more=more)))
        await run(rig, "a")
        await run(rig, "b")
        assert len(await rig.ended("down")) == 1
        rig.go_to("2024-05-01T11:10:00Z")
        await rig.step()
        assert len(await rig.executions("down")) == 1  # it was satisfied
        await run(rig, "a")
        rig.go_to("2024-05-01T12:10:00Z")
        _, missed = await rig.ended("down", 2)
        assert missed.state is State.FAILED
        assert ("missed", "yes") in missed.labels
        assert "tests.b" in (missed.reason or "")
        await rig.step()
        assert len(await rig.executions("down")) == 2


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_crash_loses_nothing_and_doubles_nothing(
    database: Database, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = RigFlows()
    flows.put(up("a"))
    flows.put(down(AFTER_A))
    async with Rig(database, flows=flows) as rig:
        await rig.step()
        if lost == "after":

            async def crash(*_: object) -> None:
                raise KeyError("the process died here")

            monkeypatch.setattr(rig.parts.windows, "commit", crash, raising=False)
        made = await rig.engine.create("a")
        await rig.engine.end(made)
        if lost == "after":
            with pytest.raises(KeyError):
                await rig.triggers.listen()
    flows.heard.clear()
    async with Rig(database, flows=flows, epoch=2) as rig:
        await rig.step()
        await rig.ended("down")
        await rig.step()
        assert len(await rig.executions("down")) == 1


async def test_what_ends_before_the_triggers_start_is_heard(database: Database) -> None:
    flows = RigFlows()
    flows.put(up("a"))
    flows.put(down(AFTER_A))
    rig = Rig(database, flows=flows)  # a dead process may have left work, which ends at once
    await rig.engine.end(await rig.engine.create("a"))
    async with rig:
        await rig.step()
        assert len(await rig.ended("down")) == 1


async def test_nobody_is_told_before_it_is_known_who_listens(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = RigFlows()
    flows.put(up("a"))
    flows.put(down(AFTER_A))
    async with Rig(database, flows=flows) as rig:
        listening, go_on = rig.parts.store.listening, asyncio.Event()

        async def late() -> list[TriggerState]:
            await go_on.wait()
            return await listening()

        monkeypatch.setattr(rig.parts.store, "listening", late)
        settling = asyncio.create_task(rig.triggers.settled())
        await rig.engine.end(await rig.engine.create("a"))
        telling = asyncio.create_task(rig.triggers.listen())
        await asyncio.sleep(0.01)
        assert not telling.done()
        go_on.set()
        async with asyncio.timeout(20):
            await asyncio.gather(settling, telling)
        assert len(await rig.ended("down")) == 1


def test_what_a_trigger_listens_to() -> None:
    def listens(**properties: Any) -> Any:
        document = {"id": "t", "type": FlowTrigger.type_name, **properties}
        return heard_by(FlowTrigger.model_validate(document))["flows"]

    assert listens() is None
    flows = [{"namespace": "a", "flowId": "x"}, {"namespace": "b"}]
    assert listens(preconditions={"id": "p", "flows": flows}) == [["a", "x"], ["b", None]]
    assert listens(dependsOn=flows) == [["a", "x"], ["b", None]]
    where = [{"id": "w", "filters": [{"field": "STATE", "type": "EQUAL_TO", "value": "FAILED"}]}]
    assert listens(preconditions={"id": "p", "flows": flows, "where": where}) is None
