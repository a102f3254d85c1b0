"""Task logs: masked, limited, and never in the way of the task (contract D16)."""

import base64

import pytest

from app.config.sections import ExpressionSettings
from app.engine.host import environment_for
from app.engine.limits import LogLimits
from app.engine.logs import Budget, LogOrigin, LogSink, TaskRunLog
from tests.engine.fakes import FakeClock, MemoryJournal
from tests.engine.harness import Engine, flow

ORIGIN = LogOrigin("e", "r", "t", 0)


def log(journal: MemoryJournal, **limits: float) -> tuple[LogSink, TaskRunLog]:
    sink = LogSink(journal)
    return sink, TaskRunLog(sink, FakeClock(), ORIGIN, {"hunter2"}, LogLimits(**limits))  # type: ignore[arg-type]


async def test_secrets_are_masked_and_long_lines_cut() -> None:
    journal = MemoryJournal()
    sink, task = log(journal, line_bytes=20)
    task.info("the password is hunter2, and more follows")
    sink.flush()
    assert journal.logs[0].message == "the password is **** … (22 characters dropped)"


async def test_what_is_over_the_limit_is_dropped_and_said_once() -> None:
    journal = MemoryJournal()
    sink, task = log(journal, lines=3)
    for number in range(10):
        task.info(f"line {number}")
    sink.flush()
    messages = [entry.message for entry in journal.logs]
    assert messages[:3] == ["line 0", "line 1", "line 2"]
    assert len(messages) == 4
    assert "dropped" in messages[3]


def test_the_rate_is_a_token_bucket() -> None:
    budget = Budget(LogLimits(per_second=10))
    assert sum(budget.take(1, 1_000_000) for _ in range(50)) == 10
    assert sum(budget.take(1, 1_500_000) for _ in range(50)) == 5
    assert not Budget(LogLimits(total_bytes=5)).take(6, 1)


async def test_large_outputs_go_to_storage_and_come_back() -> None:
    loaded = flow(
        """
        id: f
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ 'x' * 0 }}"}
    """.replace("{{ 'x' * 0 }}", "y" * 70_000)
    )
    async with Engine(loaded) as engine:
        execution = await engine.run()
        assert execution.id not in engine.executor.finished
        assert len(engine.storage.files) == 1
        kept = engine.journal.events[execution.id][-2]
        assert kept.kept is not None
        assert "yyy" not in str(kept.kept)
        assert execution.task_runs["/a"].outputs == {"value": "y" * 70_000}


async def test_odd_values_are_no_fault_of_the_engine() -> None:
    loaded = flow("""
        id: f
        inputs:
          - {id: j, type: JSON}
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ inputs.j.n }}|{{ inputs.j.s }}"}
          - {id: b, type: core.log.Log, message: "{{ inputs.j.s }}"}
    """)
    async with Engine(loaded) as engine:
        odd = '{"n": 1180591620717411303424, "s": "\\ud800"}'
        execution = await engine.run(inputs={"j": odd})
    assert execution.state == "SUCCESS", execution.reason
    assert execution.task_runs["/a"].outputs == {"value": "1180591620717411303424|\ud800"}
    assert engine.journal.logs[-1].message == "?"


async def test_levels_below_the_task_s_are_not_kept() -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: a, type: core.log.Log, message: "x", level: DEBUG, logLevel: INFO}
          - {id: b, type: core.log.Log, message: ["y", "z {{ task.id }}"], level: WARN}
    """)
    async with Engine(loaded) as engine:
        await engine.run()
    kept = [(each.task_id, each.level, each.message) for each in engine.journal.logs]
    assert kept == [("b", 30, "y"), ("b", 30, "z b")]


async def test_a_secret_is_read_from_the_environment_and_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"s3cr3t-value").decode())
    loaded = flow("""
        id: f
        tasks:
          - {id: a, type: core.log.Log, message: "token {{ secret('TOKEN') }}"}
          - {id: b, type: core.log.Log, message: "{{ secret('NONE') }}"}
    """)
    engine = Engine(loaded)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run()
    assert engine.journal.logs[0].message == "token ********"
    assert "Cannot find secret for key 'NONE'" in (execution.task_runs["/b"].error or "")
