"""The operators of assertions: each holds and does not, across texts, numbers, nulls and lists."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.flow_tests.operators import COMPARISONS, equal, text_of
from app.flows.unit_tests import OPERATORS
from tests.flow_tests.trees import case

HOLDS = [
    ("equalTo", "a", "a"),
    ("equalTo", "200", 200),
    ("equalTo", 200, "200"),
    ("equalTo", 2.0, 2),
    ("equalTo", "2.0", 2),
    ("equalTo", "true", True),
    ("equalTo", {"a": [1]}, {"a": [1]}),
    ("equalTo", '{"a": [1]}', {"a": [1]}),
    ("equalTo", " 200\n", 200),
    ("notEqualTo", "a", "b"),
    ("notEqualTo", 1, True),
    ("notEqualTo", None, "x"),
    ("greaterThan", "3.5", 3),
    ("greaterThanOrEqualTo", 3, 3),
    ("lessThan", -1, "0"),
    ("lessThanOrEqualTo", "3", "3"),
    ("in", "b", ["a", "b"]),
    ("in", 2, ["1", "2"]),
    ("in", "b", '["a", "b"]'),
    ("notIn", "c", ["a", "b"]),
    ("startsWith", "abc", "ab"),
    ("startsWith", 123, 12),
    ("endsWith", "abc", "bc"),
    ("contains", "abc", "b"),
    ("contains", ["a", 2], "2"),
    ("contains", {"key": 1}, "key"),
    ("isNull", None, True),
    ("isNull", "", False),
    ("isNotNull", "", True),
    ("isNotNull", None, "false"),
]
FAILS = [
    ("equalTo", "a", "A"),
    ("equalTo", "2", "2.0"),
    ("equalTo", 1, True),
    ("equalTo", None, ""),
    ("equalTo", [1], [1, 2]),
    ("notEqualTo", "1", 1),
    ("greaterThan", 3, 3),
    ("greaterThan", "many", 3),
    ("greaterThan", None, 3),
    ("greaterThan", True, 0),
    ("lessThan", "x", 1),
    ("in", "c", ["a", "b"]),
    ("notIn", 1, ["1"]),
    ("startsWith", "abc", "b"),
    ("contains", ["abc"], "b"),
    ("isNull", 0, True),
    ("isNotNull", None, True),
]


@pytest.mark.parametrize(("operator", "actual", "expected"), HOLDS)
def test_holds(operator: str, actual: Any, expected: Any) -> None:
    assert COMPARISONS[operator](actual, expected)


@pytest.mark.parametrize(("operator", "actual", "expected"), FAILS)
def test_does_not_hold(operator: str, actual: Any, expected: Any) -> None:
    assert not COMPARISONS[operator](actual, expected)


def test_every_operator_of_the_model_compares() -> None:
    assert set(OPERATORS.values()) == set(COMPARISONS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_everything_equals_itself_and_its_text(value: Any) -> None:
    assert equal(value, value)
    if value is not None and not isinstance(value, str):
        assert equal(text_of(value), value)
        assert equal(value, text_of(value))


@given(JSON, JSON)
def test_equality_has_no_direction(left: Any, right: Any) -> None:
    assert equal(left, right) == equal(right, left)
    assert COMPARISONS["notEqualTo"](left, right) != equal(left, right)


@given(JSON, JSON)
def test_no_operator_raises(left: Any, right: Any) -> None:
    for holds in COMPARISONS.values():
        assert holds(left, right) in (True, False)


FLOW = """
    id: f
    namespace: company.team
    variables: {list: [1, 2], name: Ann, number: 7}
    tasks:
      - {id: see, type: io.kestra.plugin.core.debug.Return, format: "{{ vars.name }}"}
    """


async def test_expectations_are_expressions_too() -> None:
    result = await case(
        FLOW,
        """
        assertions:
          - value: "{{ outputs.see.value }}"
            equalTo: "{{ vars.name }}"
            startsWith: A
            endsWith: n
          - {value: "{{ vars.number }}", in: "{{ [6, 7] }}", greaterThan: "{{ vars.number - 1 }}"}
          - {value: "{{ vars.list }}", contains: 2, equalTo: [1, 2]}
          - {value: "{{ outputs.none }}", isNull: true, isNotNull: false}
        """,
    )
    assert result.state == "SUCCESS", result
    assert [each.operator for each in result.assertions] == [
        "equalTo", "startsWith", "endsWith", "greaterThan", "in", "equalTo", "contains",
        "isNull", "isNotNull",
    ]  # fmt: skip


async def test_a_value_that_is_not_there_is_an_error_unless_null_is_asked_for() -> None:
    result = await case(FLOW, 'assertions: [{value: "{{ outputs.none }}", equalTo: 1}]')
    assert result.state == "ERROR"
    assert "assertion 1 cannot be evaluated" in result.errors[0]


async def test_an_assertion_in_the_place_of_a_task() -> None:
    body = """
        assertions:
          - {taskId: see, value: "{{ task.id }}", equalTo: see, description: "in {{ task.id }}"}
          - {value: "1", equalTo: 2, errorMessage: "not {{ vars.name }}"}
        """
    result = await case(FLOW, body)
    first, second = result.assertions
    assert (first.success, first.task_id, first.description) == (True, "see", "in see")
    assert second.message == "not Ann"


async def test_a_task_that_did_not_run_has_no_place() -> None:
    flow = FLOW.replace("format:", "runIf: '{{ false }}', format:").replace(
        "tasks:", "tasks:\n      - {id: one, type: io.kestra.plugin.core.debug.Return}"
    )
    body = 'assertions: [{taskId: gone, value: "1", equalTo: 1}]'
    with pytest.raises(AssertionError, match="no task `gone`"):
        await case(flow, body)
