"""Rules across the parts of a flow."""

import pytest

from app.flows.cycles import cycle
from app.flows.rules import RESERVED
from tests.flows.fakes import TYPES, flow, lines, parse

RULES: list[tuple[str, str, list[str]]] = [
    (
        "a task id that is there twice, however deep",
        flow(
            "errors: [{id: e, type: core.log.Log, message: m}]\n"
            "finally: [{id: e, type: core.log.Log, message: m}]",
            tasks="tasks:\n  - {id: t, type: core.log.Log, message: m}\n"
            "  - id: s\n    type: core.flow.Sequential\n    tasks:\n"
            "      - id: w\n        type: core.flow.Switch\n        value: x\n"
            "        cases: {1: [{id: t, type: core.log.Log, message: m}]}",
        ),
        [
            "E DUPLICATE_ID finally[0].id 4:16 Duplicate task id with name [e]",
            "E DUPLICATE_ID tasks[1].tasks[0].cases.1[0].id 13:26 Duplicate task id with name [t]",
        ],
    ),
    (
        "a task id that is there twice beside another error",
        flow(
            "nope: 1",
            tasks="tasks:\n  - {id: t, type: core.log.Log}\n  - {id: t, type: core.log.Log}",
        ),
        [
            'E UNKNOWN_PROPERTY nope 3:1 Unrecognized field "nope"',
            "E SCHEMA tasks[0].message 5:5 must not be null",
            "E SCHEMA tasks[1].message 6:5 must not be null",
            "E DUPLICATE_ID tasks[1].id 6:10 Duplicate task id with name [t]",
        ],
    ),
    (
        "ids that are there twice in one list",
        flow(
            "inputs:\n  - {id: a, type: STRING}\n  - {name: a, type: INT}\n"
            "outputs:\n  - {id: a, value: 1}\n  - {id: a, value: 2}\n"
            "triggers:\n  - {id: a, type: core.trigger.Schedule, cron: '@daily'}\n"
            "  - {id: a, type: core.trigger.Schedule, cron: '@daily'}"
        ),
        [
            "E DUPLICATE_ID inputs[1].id 5:5 Duplicate input with name [a]",
            "W DEPRECATED inputs[1].name 5:6 `name` is deprecated: use id",
            "E DUPLICATE_ID outputs[1].id 8:10 Duplicate output id with name [a]",
            "E DUPLICATE_ID triggers[1].id 11:10 Duplicate trigger id with name [a]",
        ],
    ),
    (
        "the inputs of a pause",
        flow(
            tasks="tasks:\n  - id: p\n    type: core.flow.Pause\n    onResume:\n"
            "      - {id: a, type: STRING}\n      - {id: a, type: STRING}"
        ),
        ["E DUPLICATE_ID tasks[0].onResume[1].id 8:14 Duplicate input with name [a]"],
    ),
    (
        "dependencies that do not exist",
        flow(
            "inputs:\n  - {id: region, type: STRING}\n"
            "  - {id: b, type: STRING, dependsOn: {inputs: [region, regoin]}}"
        ),
        [
            (
                "E SCHEMA inputs[1].dependsOn.inputs[1] 5:56 "
                "The input `b` depends on `regoin`, which is no input of the flow"
            )
        ],
    ),
    (
        "dependencies in a circle",
        flow(
            "inputs:\n  - {id: a, type: STRING, dependsOn: {inputs: [b]}}\n"
            "  - {id: b, type: STRING, dependsOn: {inputs: [c]}}\n"
            "  - {id: c, type: STRING, dependsOn: {inputs: [a]}}"
        ),
        [
            (
                "E SCHEMA inputs[0].dependsOn.inputs 4:47 "
                "Inputs depend on each other in a circle: a → b → c → a"
            )
        ],
    ),
    (
        "an input that depends on itself",
        flow("inputs:\n  - {id: a, type: STRING, dependsOn: {inputs: [a]}}"),
        ["E SCHEMA inputs[0].dependsOn.inputs 4:47 Inputs depend on each other in a circle: a → a"],
    ),
    (
        "a flow that calls itself",
        flow(
            tasks="tasks:\n  - id: s\n    type: core.flow.Sequential\n    tasks:\n"
            "      - {id: c, type: core.flow.Subflow, namespace: n, flowId: f}"
        ),
        ["E SCHEMA tasks[0].tasks[0].flowId 7:64 Invalid Flow: Recursive call to flow [n.f]"],
    ),
    (
        "a call of another flow of the same id",
        flow(tasks="tasks: [{id: c, type: core.flow.Subflow, namespace: other, flowId: f}]"),
        [],
    ),
    (
        "labels of the system",
        flow(
            "labels: {system.readOnly: true, system.x: 1}\n"
            "triggers:\n  - id: t\n    type: core.trigger.Schedule\n    cron: '@daily'\n"
            "    labels: [{key: system.y, value: 1}]"
        ),
        [
            (
                "E SCHEMA labels.system.x 3:33 "
                "System labels can only be set by the system itself: system.x"
            ),
            (
                "E SCHEMA triggers[0].labels[0] 8:14 "
                "System labels can only be set by the system itself: system.y"
            ),
        ],
    ),
    (
        "secrets in labels",
        flow(
            "labels: {a: \"{{ secret('K') }}\", b: secret('K'), c: '{{ x }}'}\n"
            "triggers:\n  - id: t\n    type: core.trigger.Webhook\n"
            "    key: \"{{ secret('K') }}\"\n"
            "    labels: [{key: d, value: \"{{ 1 ~ secret ('K') }}\"}]"
        ),
        [
            "E SCHEMA labels.a 3:13 A label may not hold a secret: a",
            "E SCHEMA triggers[0].labels[0] 8:14 A label may not hold a secret: d",
        ],
    ),
    (
        "a trigger for everything",
        flow("triggers:\n  - {id: all, type: core.trigger.Flow}"),
        [
            (
                "W BROAD_TRIGGER triggers[0] 4:5 "
                "This flow will be triggered for EVERY execution of EVERY flow on your instance. "
                "We recommend adding the preconditions property to the Flow trigger 'all'."
            )
        ],
    ),
    (
        "old names of types",
        flow(
            tasks="tasks: [{id: t, type: io.kestra.core.tasks.log.Log, message: m}]\n"
            "triggers:\n  - id: t\n    type: io.kestra.core.models.triggers.types.Flow\n"
            "    conditions:\n      - type: io.kestra.plugin.core.condition.WeekendCondition"
        ),
        [
            (
                "W RENAMED_TYPE tasks[0].type 3:23 The task io.kestra.core.tasks.log.Log "
                "is renamed to io.kestra.plugin.core.log.Log"
            ),
            (
                "W RENAMED_TYPE triggers[0].type 6:11 The trigger "
                "io.kestra.core.models.triggers.types.Flow is renamed to "
                "io.kestra.plugin.core.trigger.Flow"
            ),
            (
                "W RENAMED_TYPE triggers[0].conditions[0].type 8:15 The condition "
                "io.kestra.plugin.core.condition.WeekendCondition is renamed to "
                "io.kestra.plugin.core.condition.Weekend"
            ),
        ],
    ),
    (
        "what should no longer be used",
        flow(
            "inputs: [{id: e, type: ENUM, values: [a]}]\n"
            "listeners: [{tasks: [{id: l, type: core.log.Log, message: m}]}]",
            tasks="tasks:\n  - {id: t, type: core.debug.Echo}\n"
            "  - {id: r, type: core.http.Request, uri: u, old: x}\n"
            "taskDefaults: [{type: core.log.Log, values: {level: INFO}}]",
        ),
        [
            "W DEPRECATED inputs[0] 3:10 ENUM is deprecated: use SELECT",
            (
                "W DEPRECATED listeners 4:1 `listeners` is deprecated: "
                "use triggers of type Flow, or afterExecution"
            ),
            "W DEPRECATED tasks[0] 6:5 core.debug.Echo is deprecated: use Log",
            "W DEPRECATED tasks[1].old 7:46 `old` is deprecated: use method",
            "W DEPRECATED taskDefaults 8:1 `taskDefaults` is deprecated: use pluginDefaults",
        ],
    ),
    (
        "defaults for a property that the type does not have",
        flow(
            "pluginDefaults:\n  - type: core.log.Log\n    values: {lavel: INFO}\n"
            "  - type: io.kestra.plugin.core\n    values: {anything: 1}\n"
            "  - type: x\n  - values: {}"
        ),
        [
            (
                "E UNKNOWN_PROPERTY pluginDefaults[0].values.lavel 5:14 "
                'Unrecognized field "lavel" of core.log.Log'
            ),
            "E SCHEMA pluginDefaults[2].values 8:5 must not be null",
            "E SCHEMA pluginDefaults[3].type 9:5 must not be null",
        ],
    ),
]


@pytest.mark.parametrize(("source", "expected"), [pytest.param(s, e, id=n) for n, s, e in RULES])
def test_rules(source: str, expected: list[str]) -> None:
    parsed = parse(source)
    assert lines(parsed) == expected
    assert (parsed.flow is None) is any(line.startswith("E") for line in expected)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_ids_are_warned_of(name: str) -> None:
    parsed = parse(
        f"id: {name}\nnamespace: n\ntasks: [{{id: t, type: core.log.Log, message: m}}]\n"
    )
    assert parsed.flow is not None
    assert [problem.code for problem in parsed.warnings] == ["RESERVED_ID"]


def test_cycles() -> None:
    assert cycle({}) == []
    assert cycle({"a": ["b"], "b": ["x"]}) == []
    assert cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    assert cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    chain = {str(n): [str(n + 1)] for n in range(50_000)}
    assert cycle(chain) == []
    assert len(cycle({**chain, "50000": ["0"]})) == 50_002


def test_the_types_of_the_tests_are_told_by_name() -> None:
    assert TYPES.task("core.log.Log") is TYPES.task("io.kestra.plugin.core.log.Log")


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        ("short", ["WEAK_KEY"]),
        ("fifteen-letters", ["WEAK_KEY"]),
        ("4wjtkzwVGBM9yKnjm3yv8r", []),
        ("\"{{ secret('WEBHOOK_KEY') }}\"", []),
    ],
)
def test_11_short_keys_of_webhooks_are_told(key: str, codes: list[str]) -> None:
    trigger = f"triggers: [{{id: w, type: core.trigger.Webhook, key: {key}}}]"
    assert [problem.code for problem in parse(flow(trigger)).problems] == codes
