"""How flows depend on each other."""

from typing import Any

import pytest

from app.flows.topology import FLOW_TASK, FLOW_TRIGGER, Name, Ties, circle, relation, ties_of
from tests.flows.test_graph import FLOW, LOG, flow

CONDITION = "io.kestra.plugin.core.condition"
PARENT = flow(f"tasks: [{{id: a, {LOG}}}]", "parent")


def listener(*lines: str) -> Any:
    trigger = "\n    ".join(["type: io.kestra.plugin.core.trigger.Flow", *lines])
    return flow(f"tasks: [{{id: a, {LOG}}}]\ntriggers:\n  - id: t\n    {trigger}\n", "child")


def test_a_subflow_is_found_however_deep_it_lies() -> None:
    caller = flow(
        f"""
        tasks:
          - id: p
            type: {FLOW}.Parallel
            tasks:
              - id: i
                type: {FLOW}.If
                condition: "true"
                then: [{{id: a, {LOG}}}]
                else:
                  - {{id: s, type: {FLOW}.Subflow, namespace: n, flowId: parent}}
                  - {{id: t, type: {FLOW}.Subflow, namespace: "{{{{ x }}}}", flowId: parent}}
        """,
        "caller",
    )
    assert ties_of(caller).starts == {Name("n", "parent")}
    assert relation(caller, PARENT) == FLOW_TASK
    assert relation(PARENT, caller) is None


EXECUTION_FLOW = f"{{type: {CONDITION}.ExecutionFlow, namespace: n, flowId: %s}}"
EXECUTION_NAMESPACE = f"{{type: {CONDITION}.ExecutionNamespace, namespace: %s}}"
STATUS = f"{{type: {CONDITION}.ExecutionStatus, in: [SUCCESS]}}"
NOT = f"{{type: {CONDITION}.Not, conditions: [%s]}}"
OR = f"{{type: {CONDITION}.Or, conditions: [%s]}}"
WHERE = "preconditions: {id: p, where: [{id: w, filters: [%s]}]}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"conditions: [{EXECUTION_FLOW % 'parent'}]", True),
        (f"conditions: [{EXECUTION_FLOW % 'other'}]", False),
        (f"conditions: [{EXECUTION_NAMESPACE % 'n'}]", True),
        (f"conditions: [{EXECUTION_NAMESPACE % 'm'}]", False),
        (f"conditions: [{NOT % (EXECUTION_FLOW % 'parent')}]", False),
        (f"conditions: [{OR % (EXECUTION_FLOW % 'x' + ', ' + STATUS)}]", True),
        ("preconditions: {id: p, flows: [{namespace: n}]}", True),
        ("preconditions: {id: p, flows: [{namespace: n, flowId: x}]}", False),
        (WHERE % "{field: FLOW_ID, type: STARTS_WITH, value: par}", True),
        (WHERE % "{field: NAMESPACE, type: NOT_IN, values: [n]}", False),
        (WHERE % "{field: STATE, type: EQUAL_TO, value: FAILED}", True),
        ("dependsOn: [{namespace: n, flowId: parent}]", True),
        ("dependsOn: [{namespace: n, flowId: other}]", False),
        ("disabled: true", False),
    ],
)
def test_what_a_trigger_listens_to(line: str, expected: bool) -> None:
    assert relation(PARENT, listener(line)) == (FLOW_TRIGGER if expected else None)


def test_a_flow_never_follows_itself() -> None:
    own = listener(
        f"conditions: [{{type: {CONDITION}.ExecutionFlow, namespace: n, flowId: child}}]"
    )
    assert relation(own, own) is None


def test_circles() -> None:
    a, b, c, d = (Name("n", each) for each in "abcd")
    flows = {
        a: Ties(frozenset({b, d})),
        b: Ties(frozenset({c})),
        c: Ties(frozenset({a, c})),
        d: Ties(),
    }
    assert circle(flows, a) == [a, b, c, a]
    assert circle(flows, d) == []
    assert circle({d: Ties(frozenset({d}))}, d) == []
