"""Conditions of triggers and listeners: their shape. What they mean is decided by who asks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.flows.labels import Labels
from app.flows.names import StateName
from app.flows.preconditions import TimeWindow
from app.flows.typed import ByType, Typed
from app.flows.values import Duration, Dynamic, Text

_PACKAGE = "io.kestra.plugin.core.condition."
_LEGACY = "io.kestra.core.models.conditions.types."

DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
"""A day of the week."""


class Condition(Typed):
    """A condition. A condition type is a subclass with its own properties."""

    for_schedules: ClassVar[bool] = False
    """Whether the condition can be asked about a date alone, so that it may pick schedule dates."""

    type: Text = Field(description="The full name of the condition type.")


Conditions = Annotated[list[Annotated[Condition, ByType("condition")]], Field()]
"""Conditions, each validated as the type it names."""

SomeConditions = Annotated[list[Annotated[Condition, ByType("condition")]], Field(min_length=1)]
"""Conditions, at least one."""


def _old_names(*names: str) -> tuple[str, ...]:
    """Return the legacy type names of a condition."""
    return tuple(package + name for name in names for package in (_LEGACY, _PACKAGE))


class DateCondition(Condition):
    """What the conditions about a date have in common."""

    for_schedules = True

    date: Dynamic[str] = Field(
        "{{ trigger.date }}", description="The date to look at; by default that of the trigger."
    )


class DateTimeBetween(DateCondition):
    """The date is between two instants."""

    type_name = _PACKAGE + "DateTimeBetween"
    aliases = _old_names("DateTimeBetweenCondition")

    after: Dynamic[str] | None = Field(None, description="The date is later than this.")
    before: Dynamic[str] | None = Field(None, description="The date is earlier than this.")


class TimeBetween(DateCondition):
    """The time of the day is between two times with an offset, such as `16:19:12-05:00`."""

    type_name = _PACKAGE + "TimeBetween"
    aliases = _old_names("TimeBetweenCondition")

    after: Dynamic[str] | None = Field(None, description="The time is later than this.")
    before: Dynamic[str] | None = Field(None, description="The time is earlier than this.")


class DayWeek(DateCondition):
    """The date is on a day of the week."""

    type_name = _PACKAGE + "DayWeek"
    aliases = _old_names("DayWeekCondition")

    day_of_week: Dynamic[DayOfWeek] = Field(description="The day of the week.")


class DayWeekInMonth(DateCondition):
    """The date is the first, second, … or last of its day of the week in the month."""

    type_name = _PACKAGE + "DayWeekInMonth"
    aliases = _old_names("DayWeekInMonthCondition")

    day_of_week: Dynamic[DayOfWeek] = Field(description="The day of the week.")
    day_in_month: Dynamic[Literal["FIRST", "SECOND", "THIRD", "FOURTH", "LAST"]] = Field(
        description="Which one of the month."
    )


class Weekend(DateCondition):
    """The date is a Saturday or a Sunday."""

    type_name = _PACKAGE + "Weekend"
    aliases = _old_names("WeekendCondition")


class PublicHoliday(DateCondition):
    """The date is a public holiday."""

    type_name = _PACKAGE + "PublicHoliday"
    aliases = _old_names("PublicHolidayCondition")

    country: Dynamic[str] | None = Field(None, description="ISO 3166-1 alpha-2 country code.")
    sub_division: Dynamic[str] | None = Field(None, description="ISO 3166-2 subdivision code.")


class Expression(Condition):
    """An expression is true: its text is neither blank nor `false`."""

    type_name = _PACKAGE + "Expression"
    aliases = _old_names("ExpressionCondition", "VariableCondition")
    for_schedules = True

    expression: Dynamic[str] = Field(description="The expression.")


class ExecutionOutputs(Condition):
    """An expression on the outputs of the execution is true."""

    type_name = _PACKAGE + "ExecutionOutputs"
    aliases = _old_names("ExecutionOutputsCondition")
    for_schedules = True

    expression: Dynamic[str] = Field(description="The expression, on `trigger.outputs`.")


class Not(Condition):
    """None of the conditions holds."""

    type_name = _PACKAGE + "Not"
    aliases = _old_names("NotCondition")
    for_schedules = True

    conditions: SomeConditions = Field(description="The conditions.")


class Or(Condition):
    """At least one of the conditions holds."""

    type_name = _PACKAGE + "Or"
    aliases = _old_names("OrCondition")
    for_schedules = True

    conditions: SomeConditions = Field(description="The conditions.")


class ExecutionFlow(Condition):
    """The execution is of this flow."""

    type_name = _PACKAGE + "ExecutionFlow"
    aliases = _old_names("ExecutionFlowCondition")

    namespace: Text = Field(description="The namespace of the flow.")
    flow_id: Text = Field(description="The id of the flow.")


class ExecutionNamespace(Condition):
    """The execution is of a flow in this namespace."""

    type_name = _PACKAGE + "ExecutionNamespace"
    aliases = _old_names("ExecutionNamespaceCondition")

    namespace: Text = Field(description="The namespace, or a part of it.")
    comparison: Literal["EQUALS", "PREFIX", "SUFFIX"] | None = Field(
        None, description="How the namespace is compared; wins over `prefix`."
    )
    prefix: bool = Field(
        default=False, description="Whether the namespace only has to start like this."
    )


class ExecutionStatus(Condition):
    """The execution is in one of these states and in none of those."""

    type_name = _PACKAGE + "ExecutionStatus"
    aliases = _old_names("ExecutionStatusCondition")

    in_: list[StateName] | None = Field(None, alias="in", description="Wanted states.")
    not_in: list[StateName] | None = Field(None, description="Unwanted states.")


class ExecutionLabels(Condition):
    """The execution has all these labels."""

    type_name = _PACKAGE + "ExecutionLabels"
    aliases = _old_names("ExecutionLabelsCondition")

    labels: Labels = Field(description="The labels.")


class HasRetryAttempt(Condition):
    """Some task run with more than one attempt has one whose state is wanted."""

    type_name = _PACKAGE + "HasRetryAttempt"
    aliases = _old_names("HasRetryAttemptCondition")

    in_: list[StateName] | None = Field(None, alias="in", description="Wanted states.")
    not_in: list[StateName] | None = Field(None, description="Unwanted states.")


class MultipleCondition(Condition):
    """Several conditions hold, each for some execution, within a window of time."""

    type_name = _PACKAGE + "MultipleCondition"
    aliases = (_LEGACY + "MultipleCondition",)
    deprecated = "use the preconditions of the Flow trigger"

    id: Text = Field(description="The id of the condition, unique in the flow.")
    time_window: TimeWindow | None = Field(None, description="The window of time.")
    window: Duration | None = Field(None, description="How long the window is.")
    window_advance: Duration | None = Field(None, description="By how much it is shifted.")
    reset_on_success: bool = Field(
        default=True, description="Whether the results are forgotten when all held."
    )
    conditions: dict[str, Annotated[Condition, ByType("condition")]] = Field(
        min_length=1, description="The conditions by name."
    )


class FlowCondition(Condition):
    """The flow of the trigger is this one."""

    type_name = _PACKAGE + "FlowCondition"
    aliases = (_LEGACY + "FlowCondition",)
    deprecated = "it is about the flow that the trigger stands in, which is always known"

    namespace: Text = Field(description="The namespace of the flow.")
    flow_id: Text = Field(description="The id of the flow.")


class FlowNamespaceCondition(Condition):
    """The flow of the trigger is in this namespace."""

    type_name = _PACKAGE + "FlowNamespaceCondition"
    aliases = (_LEGACY + "FlowNamespaceCondition",)
    deprecated = "it is about the flow that the trigger stands in, which is always known"

    namespace: Text = Field(description="The namespace, or its start.")
    prefix: bool = Field(
        default=False, description="Whether the namespace only has to start like this."
    )


CONDITIONS: tuple[type[Condition], ...] = (
    DateTimeBetween,
    TimeBetween,
    DayWeek,
    DayWeekInMonth,
    Weekend,
    PublicHoliday,
    Expression,
    ExecutionOutputs,
    Not,
    Or,
    ExecutionFlow,
    ExecutionNamespace,
    ExecutionStatus,
    ExecutionLabels,
    HasRetryAttempt,
    MultipleCondition,
    FlowCondition,
    FlowNamespaceCondition,
)
"""Every condition type."""
