"""Mocked tasks of every kind, and what a case sees of the outside."""

import textwrap

import pytest

from app.engine.flow_tests.closed import Outside
from app.engine.scope import environment_variables
from app.ports import CaseResult
from tests.flow_tests.trees import case

RETURN = "io.kestra.plugin.core.debug.Return"
REQUEST = "io.kestra.plugin.core.http.Request"


def flow(body: str) -> str:
    return "id: f\nnamespace: company.team\n" + textwrap.dedent(body)


def told(result: CaseResult) -> str:
    return "\n".join([*result.errors, *(each.message for each in result.assertions)])


async def passes(source: str, body: str, *others: str, **options: object) -> CaseResult:
    result = await case(source, body, *others, **options)
    assert result.state == "SUCCESS", told(result)
    return result


LOOP = flow(f"""
    tasks:
      - id: each
        type: io.kestra.plugin.core.flow.ForEach
        values: [a, b, c]
        tasks:
          - id: call
            type: {REQUEST}
            uri: https://service.test/{{{{ taskrun.value }}}}
    """)


async def test_rounds_of_a_loop_are_mocked_by_their_value() -> None:
    await passes(
        LOOP,
        """
        fixtures:
          tasks:
            - {id: call, value: b, outputs: {code: 404}, state: WARNING}
            - {id: call, outputs: {code: 200, of: "{{ taskrun.value }}"}}
        assertions:
          - {value: "{{ outputs.call.a }}", equalTo: {code: 200, of: a}}
          - {value: "{{ outputs.call.b.code }}", equalTo: 404}
          - {value: "{{ outputs.call.c.of }}", equalTo: c}
        """,
    )


async def test_a_round_without_a_fixture_is_the_real_task() -> None:
    result = await case(
        LOOP, "fixtures: {tasks: [{id: call, value: b}]}\nexpectedState: FAILED", seconds=5
    )
    assert result.state == "ERROR"
    assert "GET calls service.test" in told(result)


SUBFLOW = flow(f"""
    tasks:
      - id: child
        type: io.kestra.plugin.core.flow.Subflow
        namespace: company.team
        flowId: other
        inputs: {{name: Ann}}
      - id: end
        type: {RETURN}
        format: "{{{{ outputs.child.outputs.greeting }}}}"
    """)
OTHER = f"""
id: other
namespace: company.team
inputs: [{{id: name, type: STRING}}]
tasks:
  - {{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT2H}}
  - {{id: say, type: {RETURN}, format: "Hello {{{{ inputs.name }}}}"}}
outputs:
  - {{id: greeting, type: STRING, value: "{{{{ outputs.say.value }}}}"}}
"""


async def test_a_subflow_runs_in_memory_too() -> None:
    await passes(
        SUBFLOW, 'assertions: [{value: "{{ outputs.end.value }}", equalTo: Hello Ann}]', OTHER
    )


async def test_a_mocked_subflow_does_not_even_exist() -> None:
    await passes(
        SUBFLOW,
        """
        fixtures: {tasks: [{id: child, outputs: {outputs: {greeting: mocked}}}]}
        assertions: [{value: "{{ outputs.end.value }}", equalTo: mocked}]
        """,
    )


async def test_subflows_of_a_loop_are_mocked_by_value() -> None:
    source = flow("""
        tasks:
          - id: each
            type: io.kestra.plugin.core.flow.ForEach
            values: [a, b]
            tasks:
              - id: child
                type: io.kestra.plugin.core.flow.Subflow
                namespace: company.team
                flowId: other
                inputs: {name: "{{ taskrun.value }}"}
        """)
    await passes(
        source,
        """
        fixtures: {tasks: [{id: child, value: a, outputs: {outputs: {greeting: mocked}}}]}
        assertions:
          - {value: "{{ outputs.child.a.outputs.greeting }}", equalTo: mocked}
          - {value: "{{ outputs.child.b.outputs.greeting }}", equalTo: Hello b}
        """,
        OTHER,
    )


async def test_nothing_of_a_mocked_flowable_runs() -> None:
    source = flow(f"""
        tasks:
          - id: group
            type: io.kestra.plugin.core.flow.Parallel
            tasks:
              - {{id: call, type: {REQUEST}, uri: "https://service.test"}}
            finally:
              - {{id: clean, type: {REQUEST}, uri: "https://service.test"}}
        """)
    await passes(
        source,
        """
        fixtures: {tasks: [{id: group}]}
        assertions:
          - {value: "{{ tasks.group.state }}", equalTo: SUCCESS}
          - {value: "{{ tasks.call.state }}", isNull: true}
        """,
    )


FAILING = flow(f"""
    tasks:
      - id: load
        type: {REQUEST}
        uri: https://service.test
        retry: {{type: constant, interval: PT1H, maxAttempts: 5}}
    errors:
      - {{id: alert, type: {RETURN}, format: "{{{{ error.taskId }}}}"}}
    """)


async def test_a_fixture_lets_a_task_fail() -> None:
    result = await passes(
        FAILING,
        """
        fixtures: {tasks: [{id: load, state: FAILED, outputs: {code: 500}}]}
        assertions:
          - {value: "{{ outputs.alert.value }}", equalTo: load}
          - {value: "{{ outputs.load.code }}", equalTo: 500}
          - {value: "{{ execution.state }}", equalTo: FAILED}
          - {taskId: load, value: "{{ taskrun.attemptsCount }}", equalTo: 1}
        """,
    )
    assert len(result.assertions) == 4


@pytest.mark.parametrize(("expected", "state"), [("FAILED", "SUCCESS"), ("SUCCESS", "FAILED")])
async def test_the_expected_state_counts(expected: str, state: str) -> None:
    body = f"fixtures: {{tasks: [{{id: load, state: FAILED}}]}}\nexpectedState: {expected}"
    result = await case(FAILING, body)
    assert result.state == state
    assert result.assertions[0].operator == "expectedState"
    assert result.assertions[0].actual == "FAILED"


async def test_an_execution_that_fails_by_itself_fails_the_case() -> None:
    source = flow("tasks: [{id: stop, type: io.kestra.plugin.core.execution.Fail}]")
    result = await case(source, 'assertions: [{value: "1", equalTo: 1}]')
    assert result.state == "FAILED"
    assert "task stop" in told(result)


async def test_files_of_the_namespace_and_of_the_case() -> None:
    source = flow(f"""
        tasks:
          - {{id: extract, type: io.kestra.plugin.core.http.Download, uri: "https://s.test/x"}}
          - id: parse
            type: {RETURN}
            format: "{{{{ read(outputs.extract.uri) }}}} {{{{ read('kept.txt') }}}}"
          - id: size
            type: io.kestra.plugin.core.storage.Size
            uri: "{{{{ outputs.extract.uri }}}}"
        """)
    await passes(
        source,
        """
        fixtures:
          files: {products.json: "[1, 2]"}
          tasks:
            - id: extract
              outputs: {uri: "{{ fileURI('products.json') }}"}
        assertions:
          - {value: "{{ outputs.parse.value }}", equalTo: "[1, 2] of the tree"}
          - {value: "{{ outputs.size.size }}", equalTo: 6}
        """,
        files={"kept.txt": b"of the tree", "products.json": b"other"},
    )


async def test_inputs_are_rendered_and_converted() -> None:
    source = flow(f"""
        inputs:
          - {{id: data, type: FILE}}
          - {{id: when, type: DATE}}
          - {{id: key, type: SECRET}}
          - {{id: many, type: ARRAY, itemType: INT}}
        tasks:
          - id: see
            type: {RETURN}
            format: "{{{{ read(inputs.data) }}}} {{{{ inputs.key }}}} {{{{ inputs.many[1] + 1 }}}}"
        """)
    await passes(
        source,
        """
        fixtures:
          files: {in.txt: hello}
          inputs:
            data: "{{ fileURI('in.txt') }}"
            when: 2026-01-02
            key: sesame
            many: [1, 2]
        assertions: [{value: "{{ outputs.see.value }}", equalTo: hello sesame 3}]
        """,
    )


async def test_wrong_inputs_are_told() -> None:
    source = flow(f"inputs: [{{id: n, type: INT}}]\ntasks: [{{id: r, type: {RETURN}}}]")
    result = await case(source, "fixtures: {inputs: {n: x}}\nexpectedState: SUCCESS")
    assert result.state == "ERROR"
    assert "n" in told(result)


async def test_a_trigger_may_have_started_it() -> None:
    source = flow(f"""
        triggers:
          - {{id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 9 * * *"}}
        tasks: [{{id: see, type: {RETURN}, format: "{{{{ trigger.date }}}}"}}]
        """)
    await passes(
        source,
        """
        fixtures: {trigger: {id: daily, variables: {date: "{{ 2 * 3 }} o'clock"}}}
        assertions: [{value: "{{ outputs.see.value }}", equalTo: 6 o'clock}]
        """,
    )


async def test_secrets_of_the_server_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "c2VzYW1l")
    source = flow(f"tasks: [{{id: see, type: {RETURN}, format: \"{{{{ secret('TOKEN') }}}}\"}}]")
    await passes(source, 'assertions: [{value: "{{ outputs.see.value }}", equalTo: secret:TOKEN}]')


async def test_the_environment_of_the_server_is_not_seen() -> None:
    source = flow(f"""
        inputs: [{{id: n, type: STRING, defaults: "{{{{ envs | length }}}}"}}]
        tasks: [{{id: see, type: {RETURN}, format: "{{{{ inputs.n ~ (envs | length) }}}}"}}]
        """)
    with pytest.MonkeyPatch.context() as patched:
        environment_variables.cache_clear()
        patched.setenv("ENV_STAGE", "production")
        await passes(source, 'assertions: [{value: "{{ outputs.see.value }}", equalTo: "00"}]')
    environment_variables.cache_clear()


async def test_expressions_reach_no_network() -> None:
    source = flow(
        f"tasks: [{{id: see, type: {RETURN}, format: \"{{{{ http('http://h.test') }}}}\"}}]"
    )
    result = await case(source, "expectedState: FAILED")
    assert result.state == "ERROR"
    assert "h.test" in told(result)


SCRIPT = flow("""
    tasks:
      - id: run
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        commands: ["echo hello"]
    """)


async def test_scripts_do_not_run_unless_they_may() -> None:
    result = await case(SCRIPT, "expectedState: SUCCESS")
    assert result.state == "ERROR"
    assert "a script runs programs" in told(result)


class _Programs:
    """The `Runners` port: every program says yes."""

    def __init__(self) -> None:
        self.ran = 0

    def choose(self, kind: str | None, tenant: str = "") -> "_Programs":
        return self

    async def run(self, command: object, line: object) -> int:
        self.ran += 1
        return 0


async def test_types_that_may_reach_out_do() -> None:
    programs = _Programs()
    outside = Outside(programs, programs, ["io.kestra.plugin.scripts.*"])  # type: ignore[arg-type]
    await passes(SCRIPT, "expectedState: SUCCESS", outside=outside)
    assert programs.ran == 1
    refused = await case(LOOP, "expectedState: SUCCESS", outside=outside)
    assert refused.state == "ERROR"


async def test_retries_take_no_time_and_a_new_execution_is_followed() -> None:
    source = flow(f"""
        retry: {{type: constant, behavior: CREATE_NEW_EXECUTION, interval: PT6H, maxAttempts: 3}}
        tasks:
          - {{id: stop, type: io.kestra.plugin.core.execution.Fail}}
          - {{id: never, type: {RETURN}}}
        """)
    result = await case(source, "expectedState: FAILED", seconds=10)
    assert result.state == "SUCCESS", told(result)


async def test_tasks_after_the_end_are_seen() -> None:
    source = flow(f"""
        tasks: [{{id: one, type: {RETURN}, format: x}}]
        afterExecution:
          - {{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}}
          - {{id: after, type: {RETURN}, format: "{{{{ execution.state }}}}"}}
        """)
    await passes(source, 'assertions: [{value: "{{ outputs.after.value }}", equalTo: SUCCESS}]')


async def test_a_service_level_is_violated_in_no_time() -> None:
    source = flow("""
        sla: [{id: slow, type: MAX_DURATION, duration: PT10M, behavior: FAIL}]
        tasks: [{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}]
        """)
    assert (await case(source, "expectedState: FAILED", seconds=10)).state == "SUCCESS"


async def test_a_case_that_takes_too_long_is_told() -> None:
    body = ", ".join(str(each) for each in range(3000))
    source = flow(f"""
        tasks:
          - id: each
            type: io.kestra.plugin.core.flow.ForEach
            values: [{body}]
            tasks: [{{id: r, type: {RETURN}, format: "{{{{ taskrun.value }}}}"}}]
        """)
    result = await case(source, "expectedState: SUCCESS", seconds=0.05)
    assert result.state == "ERROR"
    assert "more than 0.05 seconds" in told(result)


async def test_a_disabled_flow_can_be_tested() -> None:
    source = flow(f"disabled: true\ntasks: [{{id: one, type: {RETURN}, format: x}}]")
    await passes(source, "expectedState: SUCCESS")


async def test_outputs_of_the_flow_are_seen() -> None:
    source = flow(f"""
        tasks: [{{id: one, type: {RETURN}, format: x}}]
        outputs: [{{id: n, type: INT, value: "{{{{ 1 + 1 }}}}"}}]
        """)
    await passes(source, 'assertions: [{value: "{{ execution.outputs.n }}", equalTo: 2}]')
