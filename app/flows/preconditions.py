"""Preconditions of Flow triggers: upstream flows, filters on executions, and a window of time."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from app.flows.labels import Labels
from app.flows.names import StateName
from app.flows.temporal import LocalTime
from app.flows.typed import Model, refuse
from app.flows.values import Duration, Dynamic, Text

_FIELDS: Final = {
    "deadline": "a deadline",
    "end_time": "an end time",
    "start_time": "a start time",
    "window": "a window",
    "window_advance": "a window advance",
}
_ALLOWED: Final = {
    "DURATION_WINDOW": {"window", "window_advance"},
    "SLIDING_WINDOW": {"window"},
    "DAILY_TIME_WINDOW": {"start_time", "end_time"},
    "DAILY_TIME_DEADLINE": {"deadline"},
}
_REQUIRED: Final = {
    "DAILY_TIME_WINDOW": {"start_time", "end_time"},
    "DAILY_TIME_DEADLINE": {"deadline"},
}


class TimeWindow(Model):
    """The window of time in which results of upstream executions count."""

    type: Literal[
        "DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_WINDOW", "DAILY_TIME_DEADLINE"
    ] = Field("DURATION_WINDOW", description="How the start and the end are found.")
    window: Duration | None = Field(None, description="How long the window is; a day by default.")
    window_advance: Duration | None = Field(None, description="By how much it is shifted.")
    start_time: LocalTime | None = Field(None, description="When the window starts every day.")
    end_time: LocalTime | None = Field(None, description="When the window ends every day.")
    deadline: LocalTime | None = Field(
        None, description="The time of the day by which all must have happened."
    )

    @model_validator(mode="after")
    def _matching(self) -> Self:
        violations = {}
        for name, shown in _FIELDS.items():
            present = getattr(self, name) is not None
            if present and name not in _ALLOWED[self.type]:
                violations[name] = f"Time window of type `{self.type}` cannot have {shown}."
            elif not present and name in _REQUIRED.get(self.type, ()):
                violations[name] = f"Time window of type `{self.type}` must have {shown}."
        refuse(self, violations)
        return self


class UpstreamFlow(Model):
    """A flow of which an execution must have ended."""

    namespace: Text = Field(description="The namespace of the flow.")
    flow_id: Text | None = Field(None, description="The id of the flow; any flow if left out.")
    states: list[StateName] | None = Field(None, description="The states that count.")
    labels: Labels | None = Field(None, description="Labels that the execution must have.")


class Filter(Model):
    """A test on one property of an execution."""

    field: Literal["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"] = Field(
        description="What is tested."
    )
    type: Literal[
        "EQUAL_TO",
        "NOT_EQUAL_TO",
        "IN",
        "NOT_IN",
        "IS_TRUE",
        "IS_FALSE",
        "IS_NULL",
        "IS_NOT_NULL",
        "STARTS_WITH",
        "ENDS_WITH",
        "REGEX",
        "CONTAINS",
    ] = Field(description="How it is tested.")
    value: Dynamic[str] | None = Field(None, description="What it is compared with.")
    values: list[Text] | None = Field(None, description="What it is compared with, for IN, NOT_IN.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        wanted, other = (
            ("values", "value") if self.type in ("IN", "NOT_IN") else ("value", "values")
        )
        if getattr(self, other) is not None:
            refuse(self, {other: f"`{other}` must be null for type {self.type}"})
        if getattr(self, wanted) is None:
            refuse(self, {wanted: f"`{wanted}` cannot be null for type {self.type}"})
        return self


class FilterGroup(Model):
    """Filters that count as one condition."""

    id: Text = Field(description="The id of the condition.")
    operand: Literal["AND", "OR"] = Field(
        "AND", description="Whether all filters must hold or one."
    )
    filters: list[Filter] = Field(min_length=1, description="The filters.")


class Preconditions(Model):
    """Conditions that are remembered across executions until all have held in one window."""

    id: Text = Field(description="The id under which results are remembered.")
    description: Text | None = Field(None, description="What they are for.")
    time_window: TimeWindow = Field(
        default_factory=TimeWindow, description="The window in which results count."
    )
    reset_on_success: bool = Field(
        default=True, description="Whether the results are forgotten when all held."
    )
    flows: list[UpstreamFlow] | None = Field(
        None, description="Upstream flows, one condition each."
    )
    where: list[FilterGroup] | None = Field(
        None, description="Filters on executions, one condition each."
    )
