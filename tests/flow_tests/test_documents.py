"""Documents of tests: what is read, what is found wrong, and where."""

import textwrap

import pytest

from app.flows.parse import parse_flow
from app.flows.problems import Problem
from app.flows.unit_test_documents import ParsedSuite, parse_suite
from tests.flow_tests.trees import TYPES

GOOD = """
    id: greets
    flowId: greet
    testCases:
      - id: one
        type: io.kestra.core.tests.flow.UnitTest
        fixtures:
          inputs: {name: Ann}
          tasks:
            - {id: fetch, outputs: {code: 200}, state: SUCCESS}
        assertions:
          - {value: "{{ outputs.hello.value }}", equalTo: 1.10}
    """
FLOW = """
    id: greet
    namespace: company.team
    inputs: [{id: name, type: STRING}, {id: user.age, type: INT, required: false}]
    tasks:
      - id: if
        type: io.kestra.plugin.core.flow.If
        condition: "{{ true }}"
        then:
          - {id: fetch, type: io.kestra.plugin.core.http.Request, uri: "https://s.test"}
    """


def parsed(text: str, namespace: str | None = "company.team") -> ParsedSuite:
    return parse_suite(textwrap.dedent(text).lstrip(), namespace=namespace, path="tests/t.yaml")


def only(problems: tuple[Problem, ...]) -> Problem:
    [problem] = problems
    return problem


def test_a_document_is_read_with_its_lines() -> None:
    found = parsed(GOOD)
    assert found.suite is not None, found.problems
    assert found.suite.namespace == "company.team"
    assert found.lines() == {"one": 4}
    [case] = found.suite.test_cases
    assert case.fixtures.tasks[0].outputs == {"code": 200}
    assert dict(case.assertions[0].operators()) == {"equalTo": 1.1}


@pytest.mark.parametrize(
    ("change", "code", "line", "told"),
    [
        (("equalTo", "equalsTo"), "UNKNOWN_PROPERTY", 11, 'did you mean "equalTo"'),
        (("equalTo: 1.10", "taskId: x"), "TEST_NO_OPERATOR", 11, "greaterThanOrEqualTo"),
        (("state: SUCCESS", "state: RUNNING"), "SCHEMA", 9, "WARNING"),
        (("flow.UnitTest", "flow.Unit"), "SCHEMA", 5, "UnitTest"),
        (("flowId: greet\n", "\n"), "SCHEMA", 1, "null"),
        (("- id: one", "- id: o.ne"), "SCHEMA", 4, "must match"),
        (("flowId: greet", "flowId: greet\n    namespace: other"), "NAMESPACE_MISMATCH", 3, "move"),
        (("id: greets", "id: greets\n    id: again"), "DUPLICATE_KEY", 2, "id"),
        (("{name: Ann}", "{name: Ann"), "YAML_SYNTAX", 0, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    change: tuple[str, str], code: str, line: int, told: str
) -> None:
    found = parsed(GOOD.replace(*change))
    assert found.suite is None
    problem = only(found.errors)
    assert problem.code == code
    assert told in f"{problem.message} {problem.fix}"
    assert not line or problem.line == line


def test_two_cases_have_two_ids() -> None:
    twice = GOOD.rstrip() + "\n" + GOOD[GOOD.index("      - id: one") :]
    problem = only(parsed(twice).errors)
    assert (problem.code, problem.line) == ("TEST_DUPLICATE_CASE", 12)


def test_a_case_that_expects_nothing_is_a_warning() -> None:
    found = parsed("id: t\nflowId: f\ntestCases: [{id: one}]")
    assert found.suite is not None
    assert only(found.problems).code == "TEST_NO_ASSERTION"


@pytest.mark.parametrize(
    "text", ["", "[]", "id: 1\n---\nid: 2", "\0", "testCases: []", "a: &a [*a]"]
)
def test_what_is_no_document_of_tests_is_told(text: str) -> None:
    found = parsed(text)
    assert found.suite is None
    assert found.errors
    assert found.lines() == {}
    assert found.against(None) == ()


def test_tests_are_held_against_their_flow() -> None:
    flow = parse_flow(textwrap.dedent(FLOW), types=TYPES).flow
    assert flow is not None
    assert parsed(GOOD).against(flow) == ()
    assert only(parsed(GOOD).against(None)).code == "TEST_FLOW_MISSING"
    text = (
        GOOD.replace("id: fetch", "id: fetched")
        .replace("{name: Ann}", "{nam: Ann, user: {age: 3}}")
        .replace("{value:", "{taskId: nowhere, value:")
        .replace("tasks:", "trigger: {id: daily}\n          tasks:")
    )
    found = parsed(text).against(flow)
    assert [(each.code, each.severity, each.fix) for each in found] == [
        ("TEST_UNKNOWN_INPUT", "warning", 'did you mean "name"?'),
        ("TEST_UNKNOWN_TRIGGER", "error", ""),
        ("TEST_UNKNOWN_TASK", "error", 'did you mean "fetch"?'),
        ("TEST_UNKNOWN_TASK", "error", ""),
    ]
