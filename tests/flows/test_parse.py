"""Parsing: the typed flow, and problems with code, path, place and text."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import ExpressionError
from app.expressions import Use
from app.flows.model import Condition, Task, Trigger
from app.flows.parse import parse_entry
from app.flows.retry import Constant
from app.flows.trigger_types import FlowTrigger, Schedule
from app.flows.usages import Analyser
from tests.flows.fakes import CORE, TYPES, Log, Request, Sequential, flow, lines, parse

ORDER = """\
id: orders
namespace: company.shop
description: Take an order
labels: {team: shop, version: 1.10, live: True, zip: 007}
inputs:
  - id: order
    type: STRING
    defaults: 1.0
variables:
  rate: 1.10
  nothing: null
tasks:
  - id: stock
    type: io.kestra.plugin.core.http.Request
    uri: http://stock/check
    timeout: PT5S
    headers: {X-Version: 1.10, X-Live: True}
    retry: {type: constant, interval: PT1S, maxAttempt: 3}
  - id: pay
    type: core.http.Request
    uri: http://pay
    runIf: "{{ outputs.stock.code == 201 }}"
    retries: "{{ vars.rate }}"
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "@daily"
pluginDefaults:
  - type: io.kestra.plugin.core.http.Request
    values:
      method: POST
      formData: {order: "{{ inputs.order }}"}
"""


def test_a_flow_is_parsed() -> None:
    parsed = parse(ORDER)
    assert parsed.problems == ()
    assert parsed.source == ORDER
    flow_ = parsed.flow
    assert flow_ is not None
    assert (flow_.id, flow_.namespace, flow_.tenant_id) == ("orders", "company.shop", "main")
    assert flow_.variables == {"rate": 1.1, "nothing": None}
    stock, pay = flow_.tasks
    assert isinstance(stock, Request)
    assert isinstance(pay, Request)
    assert stock.timeout == timedelta(seconds=5)
    assert stock.method == "POST"
    assert stock.form_data == {"order": "{{ inputs.order }}"}
    assert isinstance(stock.retry, Constant)
    assert stock.retry.max_attempts == 3
    assert pay.type == "io.kestra.plugin.core.http.Request"
    assert pay.run_if == "{{ outputs.stock.code == 201 }}"
    assert isinstance(flow_.triggers[0], Schedule)


def test_texts_are_as_they_are_written() -> None:
    flow_ = parse(ORDER).flow
    assert flow_ is not None
    assert [(label.key, label.value) for label in flow_.labels] == [
        ("team", "shop"),
        ("version", "1.10"),
        ("live", "True"),
        ("zip", "007"),
    ]
    assert flow_.inputs[0].defaults == "1.0"
    (stock, _) = flow_.tasks
    assert isinstance(stock, Request)
    assert stock.headers == {"X-Version": "1.10", "X-Live": "True"}


def test_a_flow_is_dumped_as_json() -> None:
    flow_ = parse(ORDER, revision=3).flow
    assert flow_ is not None
    dumped = flow_.to_json()
    assert dumped["id"] == "orders"
    assert dumped["tenantId"] == "main"
    assert dumped["revision"] == 3
    assert dumped["disabled"] is False
    assert dumped["deleted"] is False
    assert dumped["labels"][0] == {"key": "team", "value": "shop"}
    assert dumped["tasks"][0]["retry"] == {
        "type": "constant",
        "interval": "PT1S",
        "maxAttempts": 3,
    }
    assert dumped["tasks"][0]["timeout"] == "PT5S"
    assert dumped["tasks"][1]["runIf"] == "{{ outputs.stock.code == 201 }}"
    assert "allowFailure" not in dumped["tasks"][0]
    assert "outputs" not in dumped


def test_null_is_the_same_as_nothing() -> None:
    source = flow(
        "labels:\ninputs:\ntriggers: null\nretry: ~\ndisabled: null\nvariables:\nconcurrency:",
        tasks="tasks:\n  - {id: t, type: core.log.Log, message: m, timeout: null, runIf: ~}",
    )
    parsed = parse(source)
    assert parsed.problems == ()
    assert parsed.flow is not None
    assert parsed.flow.labels == []
    assert parsed.flow.disabled is False
    assert parsed.flow.tasks[0].timeout is None


def test_a_null_that_is_needed_is_missing() -> None:
    parsed = parse("id:\nnamespace: n\ntasks:\n  - {id: t, type: core.log.Log, message: null}\n")
    assert lines(parsed) == [
        "E SCHEMA id 1:1 must not be null",
        "E SCHEMA tasks[0].message 4:33 must not be null",
    ]


SOON = "`soon` is not a duration; write ISO-8601 (PT30S, P1DT2H) or seconds"

PROBLEMS: list[tuple[str, list[str]]] = [
    ("", ["E SCHEMA  1:1 The document is empty"]),
    ("- a\n", ["E SCHEMA  1:1 The document is not a map"]),
    ("a: [", ["E YAML_SYNTAX  2:1 Invalid YAML: did not find expected node content"]),
    (
        "id: f\nnamespace: n\n",
        ["E SCHEMA tasks 1:1 must not be empty"],
    ),
    (
        "id: f\nid: g\nnamespace: n\ntasks: []\n",
        ['E DUPLICATE_KEY  2:1 Duplicate key "id"', "E SCHEMA tasks 4:8 must not be empty"],
    ),
    (
        'id: ""\nnamespace: N\ntasks: [{id: "", type: core.log.Log, message: ""}]\n',
        [
            "E SCHEMA id 1:5 must not be blank",
            'E SCHEMA namespace 2:12 must match "^[a-z0-9][a-z0-9._-]*$"',
            "E SCHEMA tasks[0].id 3:14 must not be blank",
        ],
    ),
    (
        flow("lables: {}"),
        ['E UNKNOWN_PROPERTY lables 3:1 Unrecognized field "lables"'],
    ),
    (
        flow("run_if: x"),
        ['E UNKNOWN_PROPERTY run_if 3:1 Unrecognized field "run_if"'],
    ),
    (
        flow("unknown:"),
        ['E UNKNOWN_PROPERTY unknown 3:1 Unrecognized field "unknown"'],
    ),
    (
        flow(tasks="tasks:\n  - id: t\n    type: core.log.Lag\n"),
        ["E UNKNOWN_TYPE tasks[0].type 5:11 Invalid type: core.log.Lag"],
    ),
    (
        flow(tasks="tasks:\n  - id: t\n"),
        ["E UNKNOWN_TYPE tasks[0].type 4:5 Invalid type: null"],
    ),
    (
        flow(tasks="tasks: [x, 1, null]"),
        [
            "E SCHEMA tasks[0] 3:9 must be a map with a type",
            "E SCHEMA tasks[1] 3:12 must be a map with a type",
            "E SCHEMA tasks[2] 3:15 must be a map with a type",
        ],
    ),
    (
        flow(tasks="tasks:\n  - {id: a b, type: core.log.Log, message: [[1]]}"),
        [
            'E SCHEMA tasks[0].id 4:10 must match "^[a-zA-Z0-9][a-zA-Z0-9_-]*$"',
            "E SCHEMA tasks[0].message[0] 4:45 must be a text",
        ],
    ),
    (
        flow(tasks="tasks:\n  - {id: a, type: core.log.Log, message: {a: b}}"),
        ["E SCHEMA tasks[0].message 4:42 must be a text or a list"],
    ),
    (
        flow(
            tasks="tasks:\n  - id: s\n    type: core.flow.Sequential\n    tasks:\n"
            "      - id: t\n        type: core.log.Log\n        mesage: x\n        timeout: soon\n"
        ),
        [
            "E SCHEMA tasks[0].tasks[0].message 7:9 must not be null",
            'E UNKNOWN_PROPERTY tasks[0].tasks[0].mesage 9:9 Unrecognized field "mesage"',
            f"E SCHEMA tasks[0].tasks[0].timeout 10:18 {SOON}",
        ],
    ),
    (
        flow(tasks="tasks:\n  - {id: s, type: core.flow.Sequential, tasks: []}"),
        ["E SCHEMA tasks[0].tasks 4:48 must not be empty"],
    ),
    (
        flow(tasks="tasks:\n  - {id: s, type: core.flow.Switch, value: x, cases: {}}"),
        ["E SCHEMA tasks[0] 4:5 s: No task defined"],
    ),
    (
        flow(tasks="tasks: [{id: t, type: com.example.Faulty}]"),
        [
            "E SCHEMA tasks[0] 3:9 com.example.Faulty cannot read this entry: KeyError: 'nothing'",
        ],
    ),
    (
        flow("concurrency: {limit: 0, behavior: DROP}"),
        [
            "E SCHEMA concurrency.limit 3:22 must be greater than 0",
            "E SCHEMA concurrency.behavior 3:35 must be 'QUEUE', 'CANCEL' or 'FAIL'",
        ],
    ),
    (
        flow("retry: {type: constat, interval: 1}"),
        ["E UNKNOWN_TYPE retry.type 3:15 Invalid type: constat"],
    ),
    (flow("retry: {interval: 1}"), ["E UNKNOWN_TYPE retry.type 3:8 Invalid type: null"]),
    (flow("retry: soon"), ["E SCHEMA retry 3:8 must be a map"]),
    (
        flow("retry:\n  type: constant\n  maxDuration: PT1S\n  interval: PT10S"),
        ["E SCHEMA retry.interval 6:13 'interval' must be less than 'maxDuration' but is PT10S"],
    ),
    (
        flow("labels: {a: null, b: [1]}"),
        ["E SCHEMA labels.a 3:13 must not be null", "E SCHEMA labels.b 3:22 must be a text"],
    ),
    (flow("labels: x"), ["E SCHEMA labels 3:9 must be a list"]),
    (
        flow("sla:\n  - {id: s, type: MAX_DURATION, behavior: FAIL}"),
        ["E SCHEMA sla[0].duration 4:5 must not be null"],
    ),
    (
        flow("inputs:\n  - {id: a, type: FOO}\n  - {id: b, type: STRING, min: 1}"),
        [
            "E UNKNOWN_TYPE inputs[0].type 4:19 Invalid type: FOO",
            'E UNKNOWN_PROPERTY inputs[1].min 5:27 Unrecognized field "min"',
        ],
    ),
    (
        flow("inputs:\n  - {id: a, type: ARRAY, itemType: ARRAY}"),
        ["E SCHEMA inputs[0].itemType 4:36 `itemType` cannot be `ARRAY`"],
    ),
    (
        flow("outputs:\n  - {id: a, type: STRING}"),
        ["E SCHEMA outputs[0].value 4:5 must not be null"],
    ),
]


@pytest.mark.parametrize(("source", "expected"), PROBLEMS)
def test_problems(source: str, expected: list[str]) -> None:
    parsed = parse(source)
    assert lines(parsed) == expected
    assert parsed.flow is None


def test_suggestions() -> None:
    source = flow(
        "lables: {}",
        tasks="tasks:\n  - {id: a, type: core.http.Reqest}\n"
        "  - {id: b, type: core.log.Log, message: m, logLevel: WARM}\n"
        "retry: {type: constat, interval: 1}",
    )
    assert [problem.fix for problem in parse(source).problems] == [
        'did you mean "labels"?',
        'did you mean "io.kestra.plugin.core.http.Request"?',
        'did you mean "WARN"?',
        'did you mean "constant"?',
    ]


def test_a_problem_is_one_line_for_people() -> None:
    (problem,) = parse(flow("lables: {}")).errors
    assert str(problem) == 'lables (3:1): Unrecognized field "lables" (did you mean "labels"?)'


def test_what_is_shown_has_no_invisible_characters() -> None:
    (problem,) = parse(flow('"a\\u202eb\\e[31m": 1')).problems
    assert problem.message == 'Unrecognized field "a\\u202eb\\x1b[31m"'
    assert problem.path == "a\\u202eb\\x1b[31m"


def test_the_place_decides_on_namespace_tenant_and_revision() -> None:
    source = "id: f\nrevision: 7\ntasks: [{id: t, type: core.log.Log, message: hi}]\n"
    parsed = parse(source, namespace="company.a", tenant="acme")
    assert parsed.flow is not None
    assert (parsed.flow.namespace, parsed.flow.tenant_id) == ("company.a", "acme")
    assert parsed.flow.revision is None
    assert parse(source, namespace="company.a", revision=2).flow.revision == 2  # type: ignore[union-attr]


def test_another_namespace_than_the_place_is_an_error() -> None:
    where = "The namespace is `n`, but the flow lies in `company` (flows/f.yaml)"
    whose = "The tenant is `other`, but the flow belongs to `main`"
    parsed = parse(flow("tenantId: other"), namespace="company", path="flows/f.yaml")
    assert lines(parsed) == [
        f"E NAMESPACE_MISMATCH namespace 2:12 {where}",
        f"E NAMESPACE_MISMATCH tenantId 3:11 {whose}",
    ]


def test_bytes_are_parsed() -> None:
    assert parse(flow("description: é").encode()).flow is not None
    assert lines(parse(b"id: \xff")) == [
        "E YAML_SYNTAX  1:1 The document is not UTF-8; save it as UTF-8"
    ]


def test_duplicates_by_aliases_are_repaired_once() -> None:
    source = flow(
        "variables: {v: &v 1.50}\nlabels: {a: &a 2.50, b: *a}",
        tasks="tasks:\n  - {id: t, type: core.log.Log, message: *a}\n"
        "  - {id: u, type: core.log.Log, message: *v}",
    )
    flow_ = parse(source).flow
    assert flow_ is not None
    assert [label.value for label in flow_.labels] == ["2.50", "2.5"]
    assert [task.message for task in flow_.tasks if isinstance(task, Log)] == ["2.5", "1.5"]


def _check(template: str) -> list[Use] | ExpressionError:
    if "bad" not in template:
        return []
    before = template[: template.index("bad")]
    line = before.count("\n") + 1
    return ExpressionError("no", line=line, column=len(before.rpartition("\n")[2]) + 1)


def test_templates_are_checked_by_who_can() -> None:
    source = flow(
        tasks="""tasks:
  - id: t
    type: core.log.Log
    description: "{{ bad }}"
    runIf: "{{ bad }}"
    message: {{}}
  - id: u
    type: core.log.Log
    message: |
      one
        {{ bad }}
  - id: v
    type: core.log.Log
    message: [ok, '{{ bad }}', "a {{ bad }}"]
""".replace("{{}}", "'{{ fine }}'")
    )
    parsed = parse(source, check=Analyser(_check, lambda _: True))
    assert parsed.flow is not None
    assert lines(parsed) == [
        "W EXPRESSION tasks[0].runIf 7:16 The expression cannot be read: no",
        "W EXPRESSION tasks[1].message 13:12 The expression cannot be read: no",
        "W EXPRESSION tasks[2].message[1] 16:23 The expression cannot be read: no",
        "W EXPRESSION tasks[2].message[2] 16:38 The expression cannot be read: no",
    ]


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        ("id: t\ntype: core.log.Log\nmessage: 1.0", Task, []),
        ('{"id": "t", "type": "core.log.Log", "message": "m"}', Task, []),
        ("id: t\ntype: core.log.Lg", Task, ["type Invalid type: core.log.Lg"]),
        ("id: t\ntype: core.log.Log", Task, ["message must not be null"]),
        (
            "id: t\ntype: core.trigger.Schedule\nunknownProp: 1\ncron: '@daily'",
            Trigger,
            ['unknownProp Unrecognized field "unknownProp"'],
        ),
        ("id: t\ntype: core.trigger.Schedule", Trigger, ["cron must not be null"]),
        ("type: core.condition.Weekend\nx: 1", Condition, ['x Unrecognized field "x"']),
        ("a: [", Task, [" Invalid YAML: did not find expected node content"]),
        ("- a", Task, [" The document is not a map"]),
    ],
)
def test_single_entries(source: str, kind: Any, expected: list[str]) -> None:
    parsed = parse_entry(source, kind, types=TYPES)
    assert [f"{p.path} {p.message}" for p in parsed.problems] == expected
    assert (parsed.entry is None) is bool(expected)


def test_nested_tasks_are_checked_in_a_single_entry() -> None:
    source = (
        "id: s\ntype: core.flow.Sequential\n"
        "tasks: [{id: a, type: core.log.Log, message: m}, {id: a, type: core.debug.Echo}]"
    )
    parsed = parse_entry(source, Task, types=TYPES)
    assert [p.code for p in parsed.problems] == ["DEPRECATED", "DUPLICATE_ID"]


def test_many_problems_are_told_in_time() -> None:
    tasks = "tasks:\n" + "  - {id: a b, type: core.log.Lg, x: 1}\n" * 12_000
    parsed = parse(flow(tasks=tasks))
    assert 100 < len(parsed.problems) < 5_000


def test_a_sequential_of_any_depth() -> None:
    source = "tasks:\n"
    for level in range(14):
        pad = "  " * (2 * level + 1)
        source += f"{pad}- id: s{level}\n{pad}  type: {CORE}flow.Sequential\n{pad}  tasks:\n"
    source += "  " * 29 + f"- {{id: t, type: {CORE}log.Log, message: m}}\n"
    flow_ = parse(flow(tasks=source)).flow
    assert flow_ is not None
    task: Task = flow_.tasks[0]
    for _ in range(13):
        assert isinstance(task, Sequential)
        task = task.tasks[0]


def test_defaults_of_types() -> None:
    flow_ = parse(flow("triggers:\n  - {id: t, type: core.trigger.Flow, conditions: []}")).flow
    assert flow_ is not None
    (trigger,) = flow_.triggers
    assert isinstance(trigger, FlowTrigger)
    assert trigger.broad
    assert "SUCCESS" in trigger.states


@pytest.mark.skipif(
    not Path("../shared/reference/order-processing.yaml").exists(), reason="no reference beside"
)
def test_the_order_flow_is_accepted_as_it_is() -> None:
    source = Path("../shared/reference/order-processing.yaml").read_text(encoding="utf-8")
    parsed = parse(source)
    assert parsed.problems == ()
    assert parsed.flow is not None
    assert len(parsed.flow.tasks) == 5
    assert all(isinstance(t, Request) and t.method == "POST" for t in parsed.flow.tasks)
