"""Cases: fixtures, mocked tasks, time that does not pass, and what is refused."""

from app.ports import CaseResult
from tests.flow_tests.trees import DictTree, case, run

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"

GREETING = f"""
    id: f
    namespace: company.team
    inputs:
      - {{id: name, type: STRING, defaults: World}}
      - {{id: count, type: INT, defaults: 1}}
    tasks:
      - id: fetch
        type: io.kestra.plugin.core.http.Request
        uri: https://service.test/{{{{ inputs.name }}}}
      - id: hello
        type: {RETURN}
        format: "Hello {{{{ inputs.name }}}} {{{{ outputs.fetch.body }}}}"
    """


def messages(result: CaseResult) -> str:
    return "\n".join([*result.errors, *(each.message for each in result.assertions)])


async def test_a_mocked_task_does_not_run_and_its_outputs_are_seen() -> None:
    result = await case(
        GREETING,
        """
        fixtures:
          inputs: {name: Ann, count: 3}
          tasks:
            - id: fetch
              outputs: {body: "{{ inputs.count + 1 }} new"}
        assertions:
          - value: "{{ outputs.hello.value }}"
            equalTo: Hello Ann 4 new
        """,
    )
    assert result.state == "SUCCESS", messages(result)
    assert result.line == 4


async def test_a_task_that_reaches_out_is_refused_and_named() -> None:
    result = await case(GREETING, "assertions: [{value: '{{ execution.state }}', equalTo: FAILED}]")
    assert result.state == "ERROR"
    assert "task fetch" in messages(result)
    assert "service.test" in messages(result)


async def test_a_failed_assertion_tells_both_values() -> None:
    result = await case(
        GREETING,
        """
        fixtures: {tasks: [{id: fetch, outputs: {body: x}}]}
        assertions:
          - value: "{{ outputs.hello.value }}"
            equalTo: Bye
            description: "what {{ inputs.name }} hears"
        """,
    )
    assert result.state == "FAILED"
    [found] = result.assertions
    assert (found.operator, found.expected, found.actual) == ("equalTo", "Bye", "Hello World x")
    assert found.description == "what World hears"
    assert "Hello World x" in found.message


async def test_time_does_not_pass() -> None:
    flow = f"""
        id: f
        namespace: company.team
        tasks:
          - id: sleep
            type: io.kestra.plugin.core.flow.Sleep
            duration: P7D
          - id: pause
            type: io.kestra.plugin.core.flow.Pause
            delay: PT3H
          - id: end
            type: {RETURN}
            format: "{{{{ tasks.sleep.state }}}}"
        """
    result = await case(flow, "assertions: [{value: '{{ outputs.end.value }}', equalTo: SUCCESS}]")
    assert result.state == "SUCCESS", messages(result)


async def test_a_pause_without_an_end_is_told() -> None:
    flow = """
        id: f
        namespace: company.team
        tasks:
          - id: approve
            type: io.kestra.plugin.core.flow.Pause
        """
    result = await case(flow, "assertions: [{value: '1', equalTo: 1}]")
    assert result.state == "FAILED"
    assert "waits at the task approve" in messages(result)
    assert (await case(flow, "expectedState: PAUSED")).state == "SUCCESS"


async def test_missing_flows_are_told() -> None:
    suite = "id: t\nflowId: nowhere\ntestCases: [{id: one, expectedState: SUCCESS}]"
    result = await run(DictTree(GREETING), suite)
    assert result.state == "ERROR"
    assert "no flow `company.team.nowhere`" in result.errors[0]
