"""What conditions mean."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.errors import HeadwaterError
from app.expressions import Environment, compile_template
from app.flows.condition_rules import Context, Facts, all_hold, holds, holds_quietly
from app.flows.conditions import Condition, Conditions
from app.flows.cron import parse_cron
from app.flows.schedule_dates import Calendar
from app.flows.typed import TYPES
from app.plugins.registry import Registry

REGISTRY = Registry.load()
PACKAGE = "io.kestra.plugin.core.condition."
FACTS = Facts(
    "shop.orders",
    "import",
    "FAILED",
    {"team": "a", "tier": "1"},
    {"rows": 3},
    [["FAILED", "SUCCESS"], ["KILLED"]],
)
VARIABLES: dict[str, Any] = {"trigger": {"date": "2024-05-04T23:30:00+02:00"}}


def condition(name: str, **properties: Any) -> Condition:
    document = [{"type": PACKAGE + name, **properties}]
    (made,) = TypeAdapter(Conditions).validate_python(document, context={TYPES: REGISTRY})
    return made


def context(facts: Facts | None = FACTS, warnings: list[str] | None = None) -> Context:
    async def render(template: str, **extra: Any) -> str:
        return compile_template(template).render({**VARIABLES, **extra}, Environment())

    warn = (lambda _: None) if warnings is None else warnings.append
    return Context(render, "shop", "report", facts, warn)


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("DateTimeBetween", {"after": "2024-05-04T21:29:00Z"}, True),
        ("DateTimeBetween", {"after": "2024-05-04T21:30:00Z"}, False),
        ("DateTimeBetween", {"before": "2024-05-04T23:30:01+02:00"}, True),
        ("TimeBetween", {"after": "23:29:59+02:00", "before": "23:30:01+02:00"}, True),
        ("TimeBetween", {"after": "22:30:00Z"}, False),
        ("DayWeek", {"dayOfWeek": "SATURDAY"}, True),
        ("DayWeek", {"dayOfWeek": "{{ 'SUNDAY' }}"}, False),
        ("DayWeekInMonth", {"dayOfWeek": "SATURDAY", "dayInMonth": "FIRST"}, True),
        ("DayWeekInMonth", {"dayOfWeek": "SATURDAY", "dayInMonth": "LAST"}, False),
        (
            "DayWeekInMonth",
            {"date": "2024-05-25", "dayOfWeek": "SATURDAY", "dayInMonth": "LAST"},
            True,
        ),
        ("Weekend", {}, True),
        ("Weekend", {"date": "2024-05-06T00:00:00Z"}, False),
        ("PublicHoliday", {"date": "2024-07-14", "country": "FR"}, True),
        ("PublicHoliday", {"date": "2024-01-06", "country": "DE", "subDivision": "BY"}, True),
        ("Expression", {"expression": "{{ trigger.date is defined }}"}, True),
        ("Expression", {"expression": " "}, False),
        ("Expression", {"expression": "0"}, True),
        ("ExecutionOutputs", {"expression": "{{ trigger.outputs.rows > 2 }}"}, True),
        ("ExecutionOutputs", {"expression": "{{ trigger.outputs.rows > 3 }}"}, False),
        ("ExecutionFlow", {"namespace": "shop.orders", "flowId": "import"}, True),
        ("ExecutionFlow", {"namespace": "shop", "flowId": "import"}, False),
        ("ExecutionNamespace", {"namespace": "shop.orders"}, True),
        ("ExecutionNamespace", {"namespace": "shop."}, False),
        ("ExecutionNamespace", {"namespace": "shop.", "prefix": True}, True),
        ("ExecutionNamespace", {"namespace": "orders", "comparison": "SUFFIX"}, True),
        ("ExecutionStatus", {"in": ["FAILED"]}, True),
        ("ExecutionStatus", {"in": ["FAILED"], "notIn": ["FAILED"]}, False),
        ("ExecutionLabels", {"labels": {"team": "a"}}, True),
        ("ExecutionLabels", {"labels": {"team": "a", "other": "b"}}, False),
        ("HasRetryAttempt", {"in": ["FAILED"]}, True),
        ("HasRetryAttempt", {"in": ["KILLED"]}, False),
        ("HasRetryAttempt", {}, True),
        ("Not", {"conditions": [{"type": PACKAGE + "Weekend"}]}, False),
        (
            "Or",
            {
                "conditions": [
                    {"type": PACKAGE + "DayWeek", "dayOfWeek": "MONDAY"},
                    {"type": PACKAGE + "Weekend"},
                ]
            },
            True,
        ),
        ("FlowCondition", {"namespace": "shop", "flowId": "report"}, True),
        ("FlowNamespaceCondition", {"namespace": "sh", "prefix": True}, True),
        ("FlowNamespaceCondition", {"namespace": "sh"}, False),
    ],
)
async def test_conditions(name: str, properties: dict[str, Any], *, expected: bool) -> None:
    assert await holds(condition(name, **properties), context()) is expected


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("DateTimeBetween", {}),
        ("DateTimeBetween", {"date": "2024-05-04", "after": "2024-05-04T00:00:00Z"}),
        ("TimeBetween", {"after": "10:00:00"}),
        ("DayWeek", {"date": "soon", "dayOfWeek": "MONDAY"}),
        ("DayWeek", {"dayOfWeek": "{{ 'NODAY' }}"}),
        ("PublicHoliday", {"country": "ATLANTIS"}),
        ("Expression", {"expression": "{{ nothing.there }}"}),
    ],
)
async def test_what_cannot_be_decided(name: str, properties: dict[str, Any]) -> None:
    made = condition(name, **properties)
    with pytest.raises(HeadwaterError):
        await holds(made, context())
    warnings: list[str] = []
    assert not await holds_quietly([made], context(warnings=warnings))
    assert len(warnings) == 1


async def test_without_an_execution_nothing_holds_of_one() -> None:
    for name, properties in (
        ("ExecutionFlow", {"namespace": "a", "flowId": "b"}),
        ("ExecutionNamespace", {"namespace": "a"}),
        ("ExecutionStatus", {}),
        ("ExecutionLabels", {"labels": {}}),
        ("HasRetryAttempt", {}),
        ("ExecutionOutputs", {"expression": "{{ not evaluated }}"}),
    ):
        assert not await holds(condition(name, **properties), context(None))


async def test_the_first_false_condition_ends_the_search() -> None:
    false = condition("Expression", expression="false")
    failing = condition("Expression", expression="{{ nothing.there }}")
    assert not await all_hold([false, failing], context())


def calendar(cron: str, *conditions: Condition) -> Calendar:
    return Calendar(parse_cron(cron), UTC, conditions)


async def at(condition: Condition, date: datetime) -> bool:
    async def render(template: str, **extra: Any) -> str:
        variables = {"trigger": {"date": date.isoformat()}, **extra}
        return compile_template(template).render(variables, Environment())

    return await holds(condition, Context(render, "a", "b"))


async def test_dates_that_satisfy_conditions() -> None:
    last_friday = condition("DayWeekInMonth", dayOfWeek="FRIDAY", dayInMonth="LAST")
    found = calendar("0 9 * * *", last_friday)
    start = datetime(2024, 5, 1, tzinfo=UTC)
    assert await found.next_holding(start, at) == datetime(2024, 5, 31, 9, tzinfo=UTC)
    assert await found.previous_holding(start, at) == datetime(2024, 4, 26, 9, tzinfo=UTC)


async def test_days_that_are_ruled_out_are_skipped() -> None:
    asked = 0

    async def counted(condition: Condition, date: datetime) -> bool:
        nonlocal asked
        asked += 1
        return await at(condition, date)

    found = calendar("* * * * *", condition("Weekend"))
    start = datetime(2024, 5, 6, tzinfo=UTC)  # a Monday
    assert await found.next_holding(start, counted) == datetime(2024, 5, 11, tzinfo=UTC)
    assert asked <= 7


@pytest.mark.parametrize("forward", [True, False])
async def test_a_search_without_end_ends(*, forward: bool) -> None:
    past = condition("DateTimeBetween", after="2020-01-01T00:00:00Z", before="2021-01-01T00:00:00Z")
    never = condition("Expression", expression="false")
    start = datetime(2024, 5, 6, tzinfo=UTC)
    async with asyncio.timeout(10):
        if forward:
            assert await calendar("* * * * *", past).next_holding(start, at) is None
            assert await calendar("0 * * * *", never).next_holding(start, at) is None
        else:
            found = await calendar("0 0 * * *", past).previous_holding(start, at)
            assert found == datetime(2020, 12, 31, tzinfo=UTC)
            early = start - timedelta(days=2000)
            assert await calendar("* * * * *", past).previous_holding(early, at) is None
