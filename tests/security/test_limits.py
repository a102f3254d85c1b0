"""Flows that want too much: every wish ends at a limit, and the execution says so."""

from datetime import timedelta

import pytest

from app.errors import Invalid, TooLarge
from app.triggers.dates import LEAST_POLL
from tests.engine.harness import Engine, flow


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        ([(f"k{n}", "v") for n in range(65)], "limit of 64"),
        ([("k", "v" * 257)], "at most 256"),
        ([("k" * 257, "v")], "at most 256"),
    ],
)
async def test_labels_are_few_and_short(labels: list[tuple[str, str]], part: str) -> None:
    loaded = flow("id: f\ntasks: [{id: a, type: core.log.Log, message: m}]")
    async with Engine(loaded) as engine:
        with pytest.raises(Invalid, match=part):
            await engine.create(labels=labels)
        assert not engine.journal.events
        longest = [(f"k{n}".ljust(256, "x"), "v" * 256) for n in range(60)]
        assert (await engine.run(labels=longest)).state.value == "SUCCESS"


async def test_a_task_cannot_add_a_long_label() -> None:
    loaded = flow("""
        id: f
        inputs: [{id: long, type: STRING}]
        tasks: [{id: a, type: core.execution.Labels, labels: {k: "{{ inputs.long }}"}}]
    """)
    async with Engine(loaded) as engine:
        execution = await engine.run(inputs={"long": "x" * 300})
    assert execution.state.value == "FAILED"
    assert "at most 256" in (execution.task_runs["/a"].error or "")


async def test_metrics_of_a_task_run_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.context.MAX_METRICS", 1)
    loaded = flow("id: f\ntasks: [{id: a, type: core.debug.Return, format: m}]")  # reports two
    async with Engine(loaded) as engine:
        assert (await engine.run()).state.value == "SUCCESS"
    assert len(engine.journal.metrics) == 1
    warnings = [each.message for each in engine.journal.logs if each.level == 30]
    assert warnings == ["metrics beyond 1 of a task run are dropped"]


async def test_large_inputs_are_refused() -> None:
    loaded = flow("""
        id: f
        inputs: [{id: i, type: JSON}]
        tasks: [{id: a, type: core.log.Log, message: m}]
    """)
    async with Engine(loaded) as engine:
        many = {f"k{n}": n for n in range(100_000)}
        with pytest.raises(TooLarge, match="FILE input"):
            await engine.create(inputs={"i": many})
        assert not engine.journal.events


async def test_a_loop_over_millions_is_refused() -> None:
    loaded = flow("""
        id: f
        tasks:
          - id: loop
            type: core.flow.ForEach
            values: "{{ range(1, 200) }}"
            tasks: [{id: a, type: core.log.Log, message: m}]
    """)
    async with Engine(loaded, loop_values=100) as engine:
        execution = await engine.run()
    assert execution.state.value == "FAILED"
    assert list(execution.task_runs) == ["/loop"]


async def test_a_retry_without_end_ends() -> None:
    loaded = flow("""
        id: f
        tasks:
          - id: a
            type: core.execution.Fail
            retry: {type: constant, interval: PT0S}
    """)
    async with Engine(loaded, tries=7) as engine:
        execution = await engine.run()
    assert execution.state.value == "FAILED"
    assert len(execution.task_runs["/a"].attempts) <= 7


async def test_flows_that_call_each_other_end() -> None:
    ping = """
        id: ping
        tasks: [{id: call, type: core.flow.Subflow, namespace: tests, flowId: pong, wait: true}]
    """
    pong = ping.replace("pong", "PING").replace("id: ping", "id: pong").replace("PING", "ping")
    async with Engine(flow(ping), flow(pong), subflow_depth=4) as engine:
        execution = await engine.run("ping")
        assert execution.state.value == "FAILED"
        assert len(engine.journal.events) <= 6


def test_no_service_is_polled_more_often_than_every_five_seconds() -> None:
    assert timedelta(seconds=5) <= LEAST_POLL
