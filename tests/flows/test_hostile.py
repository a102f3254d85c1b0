"""Whatever the document: problems come out, never an exception, and in time."""

import time
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from app.flows.conditions import CONDITIONS
from app.flows.declarations import INPUT_TYPES
from app.flows.flow import Flow
from app.flows.model import Task, Trigger
from app.flows.nodes import properties
from app.flows.parse import parse_entry
from app.flows.trigger_types import TRIGGERS
from tests.flows.fakes import TASKS, TYPES, flow, parse
from tests.flows.test_parse import ORDER

_PIECES = [
    "id", "namespace", "tasks", "type", "inputs", "labels", "triggers", "pluginDefaults", "retry",
    "dependsOn", "values", "core.log.Log", "core.flow.Sequential", "core.trigger.Flow", "STRING",
    "errors", "cases", "{{ x }}", "null", "1.10", "True", "- ", ": ", "\n", "  ",
    "[", "]", "{", "}",
    ",", "'", '"', "|", ">", "&a", "*a", "#", "!x", "---", "\t", "é", "\u202e", "?", "%",
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
def test_text_like_yaml(text: str) -> None:
    _in_time(text)


@given(st.binary(max_size=100))
def test_bytes(data: bytes) -> None:
    _in_time(data)


@given(st.text(max_size=200))
def test_text(text: str) -> None:
    _in_time(text)


_types = st.sampled_from(
    [each.type_name for each in (*TASKS, *TRIGGERS, *CONDITIONS)]
    + [*INPUT_TYPES, "constant", "random", "MAX_DURATION", "DAILY_TIME_WINDOW", "nope"]
)
_names = st.sampled_from(
    sorted(
        {
            name
            for each in (*TASKS, *TRIGGERS, *CONDITIONS, *INPUT_TYPES.values())
            for name in properties(each)
        }
    )
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**40),
    st.floats(),
    st.text(max_size=8),
    _types,
    st.sampled_from(["PT1S", "{{ x }}", "a", "b", "@daily", "UTC", "2024-01-01", "SUCCESS"]),
)
_values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(_names, st.text(max_size=4)), inner, max_size=5),
        st.tuples(_types, st.dictionaries(_names, inner, max_size=5)).map(
            lambda entry: {"id": "a", "type": entry[0], **entry[1]}
        ),
    ),
    max_leaves=30,
)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    names = st.sampled_from(sorted(properties(Flow)))
    document = {
        "id": "f",
        "namespace": "n",
        "tasks": [{"id": "t", "type": "core.log.Log", "message": "m"}],
        **draw(st.dictionaries(names, _values, max_size=6)),
    }
    return pyyaml.safe_dump(document, sort_keys=False)


@given(_documents())
def test_documents(source: str) -> None:
    _in_time(source)


@given(_values, st.sampled_from([Task, Trigger]))
def test_entries(value: Any, kind: Any) -> None:
    parsed = parse_entry(pyyaml.safe_dump(value), kind, types=TYPES)
    assert (parsed.entry is None) is any(p.severity == "error" for p in parsed.problems)


@given(st.integers(0, len(ORDER)), st.integers(0, 30), st.sampled_from(_PIECES))
def test_a_flow_with_a_piece_changed(start: int, length: int, piece: str) -> None:
    _in_time(ORDER[:start] + piece + ORDER[start + length :])


def _in_time(source: str | bytes) -> None:
    begin = time.process_time()
    parsed = parse(source)
    assert time.process_time() - begin < 2
    failed = [problem for problem in parsed.problems if problem.severity == "error"]
    assert (parsed.flow is None) is bool(failed)
    for problem in parsed.problems:
        assert problem.code
        assert problem.message
        assert (problem.message + problem.path + problem.fix).isprintable()


def _lines(line: str, count: int) -> str:
    """Return a line for each number, which stands for `@` in it."""
    return "".join(line.replace("@", str(number)) + "\n" for number in range(count))


LARGE = {
    "scalars": flow(tasks=f"tasks: [{'x, ' * 90_000}]"),
    "nulls": flow(tasks=f"tasks: [{'null, ' * 90_000}]"),
    "unknown types": flow(tasks="tasks:\n" + _lines("  - {id: a b, type: x, y: 1}", 12_000)),
    "unknown properties": flow(_lines("key@: 1", 40_000)),
    "texts": flow("labels:\n" + _lines("  k@: @.50", 40_000)),
    "dependencies": flow(
        "inputs:\n"
        + _lines(f"  - {{id: i@, type: STRING, dependsOn: {{inputs: [{'x, ' * 40}]}}}}", 1_500)
    ),
    "a long chain": flow(
        "inputs:\n" + _lines("  - {id: i@, type: INT, dependsOn: {inputs: [i@0, i@1]}}", 9_000)
    ),
    "duplicate keys": _lines("a: b", 100_000),
    "deep variables": flow(f"variables: {{a: {'[' * 60}{']' * 60}}}"),
    "a long key": flow("x" * 500_000 + ": 1"),
    "a long text": flow(f"description: '{'{{ x }} ' * 60_000}'"),
    "defaults": flow("pluginDefaults:\n" + _lines("  - {type: core, values: {level: x}}", 9_000)),
    "defaults of many lengths": flow(
        "pluginDefaults:\n"
        + "".join(f"  - {{type: {'c' * n}, values: {{a: 1}}}}\n" for n in range(1, 900)),
        tasks="tasks:\n" + _lines(f"  - {{id: t, type: {'c' * 900}}}", 300),
    ),
    "repeated values": flow(f"x: &a [{'1, ' * 300}]\ny: [{'*a, ' * 300}]"),
    "repairs": flow(
        tasks="tasks:\n"
        + _lines("  - {id: t@, type: core.log.Log, message: 1.10, retry: null}", 9_000)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_documents(name: str) -> None:
    begin = time.process_time()
    parse(LARGE[name])
    assert time.process_time() - begin < 2
