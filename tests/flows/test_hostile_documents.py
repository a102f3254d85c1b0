"""The cases of hostile documents (33 to 41 of the threat model): refused fast, in little memory."""

import time

import psutil
import pytest

from tests.flows.fakes import flow, parse

MIB = 1024 * 1024
MAX_SECONDS = 2.0
MAX_GROWTH = 64 * MIB

RLO, HOMOGLYPH = "\u202e", "t\u0430sk"


def _with_task(task_id: str) -> str:
    return flow(tasks=f'tasks:\n  - {{id: "{task_id}", type: core.log.Log, message: m}}')


REFUSED = {
    "33 brackets": "[" * 50_000,
    "33 braces": "{a: " * 50_000,
    "33 block lists": "".join(" " * n + "-\n" for n in range(300)),
    "33 in a flow": flow("variables: " + "[" * 20_000),
    "35 recursive list": flow("variables: {a: &a [*a]}"),
    "35 recursive map": flow("variables: &a {b: *a}"),
    "35 unknown alias": flow("variables: {a: *nothing}"),
    "35 laughs": flow(
        "variables:\n  a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"  {chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(9)
        )
    ),
    "36 duplicate keys": flow("description: a\ndescription: b"),
    "36 duplicate keys of a task": flow(
        tasks="tasks:\n  - {id: a, type: core.log.Log, message: m, message: n}"
    ),
    "40 a million scalars": flow(f"variables: {{a: [{'1, ' * 330_000}]}}"),
    "40 too many bytes": flow(f"description: '{'x' * 1_100_000}'"),
    "41 NUL": flow("description: 'a\0b'"),
    "41 byte order mark": "\ufeff" + flow(),
    "41 UTF-16": flow().encode("utf-16"),
    "41 UTF-16 without a mark": flow().encode("utf-16-le"),
    "41 UTF-32": flow().encode("utf-32"),
    "41 invalid UTF-8": flow().encode() + b"description: \xff\xfe\n",
    "41 overlong UTF-8": flow().encode() + b"description: \xc0\xae\n",
    "41 a surrogate": flow().encode() + b"description: \xed\xa0\x80\n",
    "41 a task id with a direction": _with_task(f"a{RLO}b"),
    "41 a task id with a homoglyph": _with_task(HOMOGLYPH),
    "41 a task id with a zero width space": _with_task("a\u200bb"),
    "41 a task id with a control": _with_task("a\\eb"),
    "41 a task id of full width": _with_task("\uff41bc"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    process = psutil.Process()
    before, start = process.memory_info().rss, time.process_time()
    parsed = parse(REFUSED[name])
    assert time.process_time() - start < MAX_SECONDS
    assert process.memory_info().rss - before < MAX_GROWTH
    assert parsed.flow is None
    assert parsed.errors
    for problem in parsed.problems:
        assert str(problem).isprintable()


BOUNDED = {
    "40 100,000 keys": flow("variables:\n" + "".join(f"  k{n}: 1\n" for n in range(90_000))),
    "40 long scalars": flow(f"variables: {{a: '{'x' * 900_000}'}}"),
    "41 bidi in a text": flow(f"description: 'a{RLO}b'"),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_bounded(name: str) -> None:
    process = psutil.Process()
    before, start = process.memory_info().rss, time.process_time()
    parsed = parse(BOUNDED[name])
    assert time.process_time() - start < MAX_SECONDS
    assert process.memory_info().rss - before < 2 * MAX_GROWTH
    for problem in parsed.problems:
        assert str(problem).isprintable()


CORE = [
    ("010", 10), ("0o10", 8), ("0x1F", 31), ("1_000", "1_000"), ("12:30", "12:30"),
    ("1:30:00", "1:30:00"), ("2024-01-02", "2024-01-02"), ("true", True), ("~", None),
    ("1e3", 1000.0), (".5", 0.5), ("=", "="), ("<<", "<<"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), CORE)
def test_38_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    parsed = parse(flow(f"variables: {{a: {written}}}"))
    assert parsed.flow is not None, parsed.problems
    found = (parsed.flow.variables or {})["a"]
    assert (found, type(found)) == (value, type(value))
