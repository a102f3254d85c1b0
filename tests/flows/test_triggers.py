"""The shape of triggers and conditions, cron expressions, and retry policies."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.flows.cron import NICKNAMES, parse_cron
from app.flows.model import CONDITIONS, TRIGGERS, Retry
from app.flows.retry import RetryPolicy, delay
from app.flows.trigger_types import Schedule, is_zone
from app.flows.typenames import is_alias, spellings
from tests.flows.fakes import flow, lines, parse


def _messages(trigger: str) -> list[str]:
    source = flow("triggers:\n  - id: t\n" + "".join(f"    {x}\n" for x in trigger.splitlines()))
    return [f"{p.path.removeprefix('triggers[0].')}: {p.message}" for p in parse(source).problems]


SCHEDULE = "type: core.trigger.Schedule\n"
FLOW = "type: core.trigger.Flow\n"
WINDOW = FLOW + "preconditions:\n  id: p\n  flows: [{namespace: n, flowId: f}]\n  timeWindow: "
FILTER = FLOW + "preconditions:\n  id: p\n  where: [{id: w, filters: [{field: FLOW_ID, "


@pytest.mark.parametrize(
    ("trigger", "messages"),
    [
        (SCHEDULE + "cron: '* * * * *'", []),
        (SCHEDULE + "cron: '@hourly'", []),
        (SCHEDULE + "cron: '*/5 0-6,12 1 JAN-MAR mon'\ntimezone: Europe/Paris", []),
        (SCHEDULE + "cron: '0 * * * * *'\nwithSeconds: true", []),
        (
            SCHEDULE + "cron: '* * * * * *'",
            ["cron: invalid cron expression '* * * * * *': it must have 5 fields"],
        ),
        (
            SCHEDULE + "cron: '$ome Inv@lid Cr0n'",
            ["cron: invalid cron expression '$ome Inv@lid Cr0n': it must have 5 fields"],
        ),
        (
            SCHEDULE + "cron: '60 * * * *'",
            ["cron: invalid cron expression '60 * * * *': `60` is not a minute (0-59)"],
        ),
        (
            SCHEDULE + "cron: '@daily'\ntimezone: Foo/Bar\ninterval: PT5S",
            ["timezone: 'Foo/Bar' is not a valid time-zone ID", "interval: must be null"],
        ),
        (SCHEDULE, ["cron: must not be null"]),
        (
            SCHEDULE + "cron: '@daily'\nrecoverMissedSchedules: SOME",
            ["recoverMissedSchedules: must be 'ALL', 'LAST' or 'NONE'"],
        ),
        (
            SCHEDULE + "cron: '@daily'\nconditions: [{type: core.condition.Nope}]",
            ["conditions[0].type: Invalid type: core.condition.Nope"],
        ),
        (SCHEDULE + "cron: '@daily'\ninputs: {a: '{{ b }}', c: 1}\nstopAfter: [FAILED]", []),
        ("type: core.trigger.ScheduleOnDates\ndates: ['2024-01-01T00:00:00Z']", []),
        ("type: core.trigger.ScheduleOnDates\ndates: '{{ vars.dates }}'", []),
        ("type: core.trigger.Webhook\nkey: \"{{ secret('K') }}\"", []),
        ("type: core.trigger.Webhook\nkey: 1234567890123456", []),
        (
            f"type: core.trigger.Webhook\nkey: {'k' * 257}",
            ["key: must have at most 256 characters"],
        ),
        (
            (
                "type: core.trigger.Webhook\nkey: kkkkkkkkkkkkkkkk\nconditions:\n"
                "  - {id: m, type: core.condition.MultipleCondition, conditions: "
                "{a: {type: core.condition.Weekend}}}"
            ),
            [
                "conditions: a webhook cannot have a condition of type MultipleCondition",
                (
                    "conditions[0]: core.condition.MultipleCondition is deprecated: "
                    "use the preconditions of the Flow trigger"
                ),
            ],
        ),
        (WINDOW + "{type: DURATION_WINDOW, window: PT1H, windowAdvance: PT-4H}", []),
        (WINDOW + "{type: SLIDING_WINDOW, window: PT1H}", []),
        (WINDOW + "{type: DAILY_TIME_WINDOW, startTime: '10:00:00', endTime: '11:00:00'}", []),
        (WINDOW + "{type: DAILY_TIME_DEADLINE, deadline: '10:00:00'}", []),
        (
            WINDOW + "{type: DAILY_TIME_DEADLINE, deadline: '10:00:00', window: PT1H}",
            [
                (
                    "preconditions.timeWindow.window: "
                    "Time window of type `DAILY_TIME_DEADLINE` cannot have a window."
                )
            ],
        ),
        (
            WINDOW + "{type: DAILY_TIME_WINDOW}",
            [
                (
                    "preconditions.timeWindow.endTime: "
                    "Time window of type `DAILY_TIME_WINDOW` must have an end time."
                ),
                (
                    "preconditions.timeWindow.startTime: "
                    "Time window of type `DAILY_TIME_WINDOW` must have a start time."
                ),
            ],
        ),
        (
            WINDOW + "{type: DAILY_TIME_DEADLINE, deadline: noon}",
            ["preconditions.timeWindow.deadline: must be a time such as 10:30:00"],
        ),
        (FILTER + "type: EQUAL_TO, value: x}]}]", []),
        (FILTER + "type: IN, values: [x, y]}]}]", []),
        (
            FILTER + "type: CONTAINS, value: x, values: [y]}]}]",
            ["preconditions.where[0].filters[0].values: `values` must be null for type CONTAINS"],
        ),
        (
            FILTER + "type: NOT_IN, value: x}]}]",
            ["preconditions.where[0].filters[0].value: `value` must be null for type NOT_IN"],
        ),
        (
            FILTER + "type: REGEX}]}]",
            ["preconditions.where[0].filters[0].value: `value` cannot be null for type REGEX"],
        ),
        (
            FLOW + "dependsOn: [{namespace: n, flowId: f, states: [SUCCESS]}]\nmode: ALL\n"
            "window: {deadline: '08:00:00'}\nonMiss: {behavior: FAIL, labels: {late: true}}",
            [],
        ),
        (
            FLOW + "dependsOn: [{namespace: n}]\nwindow: {deadline: '08:00:00', lookback: PT1H}",
            ["window.deadline: only one of deadline, from/to, every, lookback may be set"],
        ),
        (
            (
                "type: core.http.Trigger\nuri: http://x\ninterval: 30\n"
                "responseCondition: '{{ response.statusCode == 200 }}'\n"
                "options: {timeout: {connectTimeout: PT1S}, followRedirects: false}"
            ),
            [],
        ),
        ("type: core.http.Trigger", ["uri: must not be null"]),
    ],
)
def test_triggers(trigger: str, messages: list[str]) -> None:
    assert _messages(trigger) == messages


@pytest.mark.parametrize(
    ("condition", "messages"),
    [
        ("type: core.condition.DateTimeBetween, after: '2024-01-01T00:00:00Z'", []),
        ("type: core.condition.TimeBetween, before: '16:19:12-05:00', date: '{{ now() }}'", []),
        ("type: core.condition.DayWeek, dayOfWeek: MONDAY", []),
        ("type: core.condition.DayWeek, dayOfWeek: '{{ vars.day }}'", []),
        (
            "type: core.condition.DayWeek, dayOfWeek: MON",
            [
                ("conditions[0].dayOfWeek: must be 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', "
                "'FRIDAY', 'SATURDAY' or 'SUNDAY'")
            ],
        ),
        ("type: core.condition.DayWeekInMonth, dayOfWeek: MONDAY, dayInMonth: FIRST", []),
        ("type: core.condition.Weekend", []),
        ("type: core.condition.PublicHoliday, country: FR", []),
        ("type: core.condition.Expression, expression: '{{ true }}'", []),
        ("type: core.condition.ExecutionOutputs, expression: '{{ true }}'", []),
        ("type: core.condition.Not, conditions: [{type: core.condition.Weekend}]", []),
        (
            "type: core.condition.Or, conditions: [{type: core.condition.Not, conditions: []}]",
            ["conditions[0].conditions[0].conditions: must not be empty"],
        ),
        ("type: core.condition.ExecutionFlow, namespace: n, flowId: f", []),
        ("type: core.condition.ExecutionFlow", ["conditions[0].namespace: must not be null",
                                                "conditions[0].flowId: must not be null"]),
        ("type: core.condition.ExecutionNamespace, namespace: n, comparison: PREFIX", []),
        ("type: core.condition.ExecutionStatus, in: [SUCCESS], notIn: [FAILED]", []),
        ("type: core.condition.ExecutionLabels, labels: {a: 1}", []),
        ("type: core.condition.HasRetryAttempt, in: [KILLED]", []),
    ],
)  # fmt: skip
def test_conditions(condition: str, messages: list[str]) -> None:
    assert _messages(f"{SCHEDULE}cron: '@daily'\nconditions: [{{{condition}}}]") == messages


def test_every_type_has_a_name_a_text_and_described_properties() -> None:
    seen: set[str] = set()
    for each in (*TRIGGERS, *CONDITIONS):
        assert each.type_name.startswith("io.kestra.plugin.core.")
        assert each.__doc__
        for name in spellings(each):
            assert name not in seen
            seen.add(name)
        for name, field in each.model_fields.items():
            assert field.description, f"{each.__name__}.{name}"
    assert len(TRIGGERS) == 5
    assert len(CONDITIONS) == 18


def test_spellings() -> None:
    assert set(spellings(Schedule)) == {
        "io.kestra.plugin.core.trigger.Schedule",
        "core.trigger.Schedule",
        "io.kestra.core.models.triggers.types.Schedule",
    }
    assert not is_alias("core.trigger.Schedule", Schedule)
    assert is_alias("io.kestra.core.models.triggers.types.Schedule", Schedule)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Europe/Paris", True),
        ("UTC", True),
        ("Z", True),
        ("+02:00", True),
        ("GMT-5", True),
        ("Asia/Delhi", False),
        ("", False),
        ("../../etc/passwd", False),
        ("/etc/localtime", False),
        ("a\0b", False),
        ("x" * 10_000, False),
    ],
)
def test_time_zones(name: str, expected: bool) -> None:
    assert is_zone(name) is expected


def test_cron_fields() -> None:
    cron = parse_cron("*/20 8-10 1,15 JAN,mar MON-fri")
    assert cron.seconds == {0}
    assert cron.minutes == {0, 20, 40}
    assert cron.hours == {8, 9, 10}
    assert cron.days == {1, 15}
    assert cron.months == {1, 3}
    assert cron.weekdays == {1, 2, 3, 4, 5}
    assert (cron.any_day, cron.any_weekday) == (False, False)
    assert parse_cron("5/20 * * * 7").minutes == {5, 25, 45}
    assert parse_cron("5/20 * * * 7").weekdays == {0}
    assert parse_cron("10 0 * * * *", with_seconds=True).seconds == {10}
    for nickname in NICKNAMES:
        assert parse_cron(nickname.upper()).minutes == {0}
        assert parse_cron(nickname, with_seconds=True).seconds == {0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "*-5 * * * *",
        "1,,2 * * * *",
        "MON * * * *",
        "L * * * *",
        "* * * * MONDAY",
        "@reboot",
        "١ * * * *",
        "1--2 * * * *",
    ],
)
def test_what_is_no_cron_expression(text: str) -> None:
    with pytest.raises(ValueError):
        parse_cron(text)


@given(st.text(alphabet="0123456789*-/, MONJA@", max_size=30), st.booleans())
def test_any_text_is_a_cron_expression_or_a_value_error(text: str, with_seconds: bool) -> None:
    try:
        cron = parse_cron(text, with_seconds=with_seconds)
    except ValueError:
        return
    assert cron.minutes <= set(range(60))
    assert cron.weekdays <= set(range(7))


_RETRY: TypeAdapter[RetryPolicy] = TypeAdapter(Retry)


def _retry(**values: Any) -> RetryPolicy:
    return _RETRY.validate_python(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"type": "constant", "interval": "PT10S", "maxDuration": "PT1S"},
            "'interval' must be less than 'maxDuration' but is PT10S",
        ),
        (
            {"type": "exponential", "interval": 2, "maxInterval": 3, "maxDuration": 1},
            "'interval' must be less than 'maxDuration' but is PT2S",
        ),
        (
            {"type": "exponential", "interval": 3, "maxInterval": 2, "maxDuration": 12},
            "'interval' must be less than 'maxInterval' but is PT3S",
        ),
        (
            {"type": "random", "minInterval": 2, "maxInterval": 3, "maxDuration": 1},
            "'minInterval' must be less than 'maxDuration' but is PT2S",
        ),
        (
            {"type": "random", "minInterval": 3, "maxInterval": 3},
            "'minInterval' must be less than 'maxInterval' but is PT3S",
        ),
        (
            {"type": "random", "minInterval": 1, "maxInterval": 3, "maxDuration": 2},
            "'maxInterval' must be less than 'maxDuration' but is PT3S",
        ),
    ],
)
def test_retries_are_consistent(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _retry(**values)
    assert [error["msg"] for error in caught.value.errors()] == [message]


def test_retry_properties() -> None:
    retry = _retry(type="constant", interval="PT0.250S", maxAttempt=4, warningOnRetry=True)
    assert retry.max_attempts == 4
    assert retry.behavior == "RETRY_FAILED_TASK"
    assert _retry(type="constant", interval=1, maxAttempts=2).max_attempts == 2
    with pytest.raises(ValidationError):
        _retry(type="constant", interval=1, maxAttempts=0)


def test_delays() -> None:
    constant = _retry(type="constant", interval=3)
    assert [delay(constant, n, 0.5).total_seconds() for n in (1, 2, 9)] == [3, 3, 3]
    exponential = _retry(type="exponential", interval=1, maxInterval=10)
    assert [delay(exponential, n, 0).total_seconds() for n in (1, 2, 3, 4, 5, 999)] == [
        1, 2, 4, 8, 10, 10,
    ]  # fmt: skip
    factor = _retry(type="exponential", interval=1, maxInterval=10, delayFactor=3)
    assert delay(factor, 3, 0) == timedelta(seconds=9)
    random = _retry(type="random", minInterval=1, maxInterval=3)
    assert delay(random, 1, 0) == timedelta(seconds=1)
    assert delay(random, 1, 0.5) == timedelta(seconds=2)


def test_a_trigger_with_conditions_is_not_told_to_be_broad() -> None:
    source = flow("triggers:\n  - {id: t, type: core.trigger.Flow, when: '{{ true }}'}")
    assert lines(parse(source)) == []
