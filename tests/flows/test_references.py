"""What flows refer to, and what is wrong with that."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.expressions import check, is_known
from app.flows.references import (
    NONE,
    Call,
    References,
    callers_of,
    is_endless,
    missing_calls,
    place_of,
    references_of,
    subflow_cycles,
    unknown_secrets,
)
from app.flows.topology import Name
from app.flows.usages import Analyser
from app.plugins.registry import Registry

TYPES = Registry.load()
ANALYSER = Analyser(check, is_known)
FLOW = """\
id: main
inputs:
  - {id: day, type: DATE}
outputs:
  - {id: total, type: INT, value: "{{ outputs.call.outputs.sum }}"}
pluginDefaults:
  - {type: io.kestra.plugin.core.flow.Subflow, values: {namespace: "{{ flow.namespace }}"}}
tasks:
  - id: group
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {id: call, type: core.flow.Subflow, flowId: other, inputs: {a: 1, b: "{{ kv('K') }}"}}
  - {id: again, type: io.kestra.core.tasks.flows.Flow, namespace: x.y, flowId: z, revision: 3}
  - {id: late, type: io.kestra.plugin.core.flow.Subflow, flowId: "{{ inputs.day }}"}
  - id: dir
    type: io.kestra.plugin.core.flow.WorkingDirectory
    namespaceFiles: {include: ["a/*.sql", "{{ vars.x }}"]}
    tasks: [{id: t, type: io.kestra.plugin.core.debug.Return, format: "{{ read('b.txt') }}"}]
errors:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "{{ secret('T') }} {{ secret(x) }}"}
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    preconditions: {id: p, flows: [{namespace: company, flowId: up}]}
    inputs: {got: "{{ trigger.outputs.rows }}"}
  - {id: broken, type: io.kestra.plugin.core.trigger.Flow, conditions: nothing}
"""


def read(text: str | bytes) -> References:
    return references_of(text, types=TYPES, namespace="company.team", analyser=ANALYSER)


def test_everything_is_found() -> None:
    found = read(FLOW)
    assert [(each.task, each.target, each.revision) for each in found.calls] == [
        ("call", Name("company.team", "other"), None),
        ("again", Name("x.y", "z"), 3),
    ]
    first = found.calls[0]
    assert (first.inputs, first.outputs) == (frozenset("ab"), frozenset({"sum"}))
    assert first.path == ("tasks", 0, "tasks", 0)
    assert place_of(FLOW, *first.path, "flowId") == (12, 53)
    assert (found.secrets, found.kv) == (frozenset("T"), frozenset("K"))
    assert found.files == {"a/*.sql", "b.txt"}
    assert [each.id for each in found.listens] == ["after"]
    assert found.triggered == {"rows"}
    assert "io.kestra.plugin.core.flow.Subflow" in found.types
    assert found.interface.inputs["day"].needed
    assert found.interface.outputs == {"total": "INT"}
    assert found.ties.starts == {Name("company.team", "other"), Name("x.y", "z")}


def test_a_namespace_in_the_document_counts() -> None:
    text = "namespace: own\ntasks: [{id: a, type: io.kestra.plugin.core.flow.Subflow, "
    text += "namespace: '{{ flow.namespace }}', flowId: b}]"
    assert read(text).calls[0].target == Name("own", "b")


def test_what_cannot_be_read_refers_to_nothing() -> None:
    for text in ("a: [", "- 1", "", b"\xff\xfe", "tasks: 1", "inputs: {a: 1}\ntasks: [1, null]"):
        assert read(text).calls == NONE.calls
    wrong = 'tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: "{{ secret( }}"}]'
    assert read(wrong).secrets == frozenset()


def test_inputs_that_only_the_execution_knows() -> None:
    kind = "io.kestra.plugin.core.flow.Subflow"
    call = f"{{id: a, type: {kind}, namespace: n, flowId: b, inputs: '{{{{ x }}}}'}}"
    assert read(f"tasks: [{call}]").calls[0].inputs is None


def calling(*names: str) -> References:
    return References(tuple(Call(f"to-{name}", (), Name("n", name)) for name in names))


def test_missing_callers_secrets() -> None:
    flows = {Name("n", "a"): calling("b", "c"), Name("n", "b"): calling("c")}
    assert [
        each.target.id for each in missing_calls(flows[Name("n", "a")], flows.__contains__)
    ] == ["c"]
    callers = callers_of(flows)[Name("n", "c")]
    assert [(name.id, call.task) for name, call in callers] == [("a", "to-c"), ("b", "to-c")]
    assert unknown_secrets(References(secrets=frozenset("ABC")), "B") == ["A", "C"]


def test_cycles() -> None:
    flows = {
        Name("n", "a"): calling("b"),
        Name("n", "b"): calling("c", "gone"),
        Name("n", "c"): calling("a", "c"),
        Name("n", "d"): calling("a"),
    }
    found = [[name.id for name in each] for each in subflow_cycles(flows, flows)]
    assert sorted(map(len, found)) == [2, 4]
    assert all(each[0] == each[-1] for each in found)
    assert subflow_cycles(flows, [Name("n", "gone")]) == []
    assert subflow_cycles({Name("n", "x"): calling("y")}, [Name("n", "x")]) == []


GRAPHS = st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcde"), max_size=3))


@given(GRAPHS)
def test_cycles_are_cycles_and_none_is_missed(graph: dict[str, list[str]]) -> None:
    flows = {Name("n", name): calling(*targets) for name, targets in graph.items()}
    found = subflow_cycles(flows, flows)
    for circle in found:
        assert circle[0] == circle[-1]
        assert all(second.id in graph[first.id] for first, second in pairwise(circle))
    assert bool(found) == any(_reaches(graph, name) for name in graph)


def _reaches(graph: dict[str, list[str]], start: str) -> bool:
    seen: set[str] = set()
    rest = list(graph[start])
    while rest:
        name = rest.pop()
        if name == start:
            return True
        if name not in seen and name in graph:
            seen.add(name)
            rest += graph[name]
    return False


@pytest.mark.parametrize(
    ("tasks", "certain"),
    [
        ("[{CALL}]", True),
        ("[{id: s, type: io.kestra.plugin.core.flow.Sequential, tasks: [{CALL}]}]", True),
        ("[{CALL, runIf: '{{ inputs.n > 0 }}'}]", False),
        ("[{CALL, disabled: true}]", False),
        ("[{id: i, type: io.kestra.plugin.core.flow.If, condition: x, then: [{CALL}]}]", False),
        ("[{id: l, type: io.kestra.plugin.core.flow.ForEach, values: x, tasks: [{CALL}]}]", False),
        (
            "[{id: s, type: io.kestra.plugin.core.flow.Sequential, runIf: x, tasks: [{CALL}]}]",
            False,
        ),
    ],
)
def test_calls_that_are_made_in_any_case(tasks: str, certain: bool) -> None:
    call = "id: c, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: a"
    source = f"id: a\nnamespace: n\ntasks: {tasks.replace('CALL', call)}\n"
    references = references_of(source, types=TYPES, namespace="n")
    (found,) = references.calls
    assert found.certain is certain
    flows = {Name("n", "a"): references}
    (ring,) = subflow_cycles(flows, flows)
    assert is_endless(flows, ring) is certain
