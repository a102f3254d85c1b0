"""The trigger types: their shape. When they fire is decided elsewhere."""

from datetime import timedelta
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from app.flows.conditions import Conditions, MultipleCondition
from app.flows.cron import parse_cron
from app.flows.http import HttpCall
from app.flows.names import StateName
from app.flows.preconditions import Preconditions
from app.flows.triggers import Trigger
from app.flows.typed import outdated, refuse
from app.flows.upstream import OnMiss, Upstream, Window
from app.flows.values import Duration, Dynamic, Text
from app.flows.zones import zone_named

_PACKAGE: Final = "io.kestra.plugin.core.trigger."
_LEGACY: Final = "io.kestra.core.models.triggers.types."

TERMINAL: Final[tuple[StateName, ...]] = (
    "SUCCESS",
    "WARNING",
    "FAILED",
    "KILLED",
    "CANCELLED",
    "RETRIED",
    "SKIPPED",
)
"""The states that end an execution."""

RecoverMissed = Literal["ALL", "LAST", "NONE"]
"""Which of the dates that were missed are made up for."""


def is_zone(name: str) -> bool:
    """Whether a name is that of a time zone, or an offset such as `+02:00`."""
    try:
        zone_named(name)
    except ValueError:
        return False
    return True


def _zone_violation(zone: str | None) -> dict[str, str]:
    if zone is None or is_zone(zone):
        return {}
    return {"timezone": f"'{zone}' is not a valid time-zone ID"}


class Schedule(Trigger):
    """Fires at the dates of a cron expression."""

    type_name = _PACKAGE + "Schedule"
    aliases = (_LEGACY + "Schedule",)

    cron: Text = Field(
        description="Five fields (minute, hour, day, month, day of the week), six with seconds "
        "first, or a nickname such as @daily."
    )
    with_seconds: bool = Field(default=False, description="Whether the first field is seconds.")
    timezone: Text | None = Field(
        None, description="The time zone; that of the server if left out."
    )
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="Inputs of the executions.")
    late_maximum_delay: Duration | None = Field(
        None, description="A date that is later than this is skipped."
    )
    recover_missed_schedules: RecoverMissed | None = Field(
        None, description="Which missed dates are made up for."
    )
    schedule_conditions: Conditions | None = Field(
        None, json_schema_extra=outdated("use conditions"), description="Conditions on the dates."
    )
    backfill: dict[str, Any] | None = Field(
        None,
        json_schema_extra=outdated("start backfills through the API"),
        description="No longer used.",
    )
    interval: Duration | None = Field(None, description="Must be left out.")

    @model_validator(mode="after")
    def _valid(self) -> Self:
        violations = _zone_violation(self.timezone)
        if self.interval is not None:
            violations["interval"] = "must be null"
        try:
            parse_cron(self.cron, with_seconds=self.with_seconds)
        except ValueError as error:
            violations["cron"] = f"invalid cron expression '{self.cron}': {error}"
        refuse(self, violations)
        return self


class ScheduleOnDates(Trigger):
    """Fires at given dates."""

    type_name = _PACKAGE + "ScheduleOnDates"
    aliases = (_LEGACY + "ScheduleOnDates",)

    dates: Dynamic[list[str]] = Field(description="Date-times with a zone or an offset.")
    timezone: Text | None = Field(
        None, description="The time zone; that of the server if left out."
    )
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="Inputs of the executions.")
    recover_missed_schedules: RecoverMissed | None = Field(
        None, description="Which missed dates are made up for."
    )
    interval: Duration | None = Field(None, description="Must be left out.")

    @model_validator(mode="after")
    def _valid(self) -> Self:
        violations = _zone_violation(self.timezone)
        if self.interval is not None:
            violations["interval"] = "must be null"
        refuse(self, violations)
        return self


class Webhook(Trigger):
    """Fires when its address is called; the key is the only authentication."""

    type_name = _PACKAGE + "Webhook"
    aliases = (_LEGACY + "Webhook",)

    key: Dynamic[str] = Field(
        max_length=256, description="The secret part of the address, at best from a secret."
    )
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="Inputs of the execution.")
    wait: Dynamic[bool] = Field(
        default=False, description="Answer only when the execution has ended."
    )
    return_outputs: Dynamic[bool] = Field(
        default=False, description="Answer with the outputs of the flow."
    )
    response_content_type: Dynamic[str] | None = Field(
        None, description="The content type of the answer."
    )
    response_code: Dynamic[int] | None = Field(None, description="The status of the answer.")

    @model_validator(mode="after")
    def _no_windows(self) -> Self:
        if any(isinstance(condition, MultipleCondition) for condition in self.conditions):
            refuse(
                self, {"conditions": "a webhook cannot have a condition of type MultipleCondition"}
            )
        return self


class FlowTrigger(Trigger):
    """Fires when executions of other flows change their state."""

    type_name = _PACKAGE + "Flow"
    aliases = (_LEGACY + "Flow",)

    inputs: Dynamic[dict[str, Any]] | None = Field(
        None, description="Inputs of the execution; `trigger.outputs` are those of the other flow."
    )
    states: list[StateName] = Field(
        default_factory=lambda: list(TERMINAL), description="The states that are listened to."
    )
    preconditions: Preconditions | None = Field(
        None, description="What must have happened, over several executions."
    )
    depends_on: list[Upstream] | None = Field(
        None, description="The flows of which an execution must have ended."
    )
    mode: Literal["ALL", "ANY", "AT_LEAST"] | None = Field(
        None, description="How many of dependsOn must be satisfied."
    )
    min_satisfied: int | None = Field(None, ge=1, description="How many, for AT_LEAST.")
    window: Window | None = Field(None, description="The time in which dependsOn must happen.")
    on_miss: OnMiss | None = Field(
        None, description="What happens when the window ends unsatisfied."
    )

    @property
    def broad(self) -> bool:
        """Whether the trigger fires for every execution of every flow."""
        return not (self.conditions or self.preconditions or self.depends_on or self.when)


class HttpTrigger(Trigger, HttpCall):
    """Calls an HTTP service again and again; fires when the answer meets a condition."""

    type_name = "io.kestra.plugin.core.http.Trigger"
    aliases = ("io.kestra.plugin.fs.http.Trigger",)

    interval: Duration = Field(timedelta(minutes=1), description="The time between two calls.")
    response_condition: Dynamic[str] = Field(
        "{{ response.statusCode < 400 }}",
        description="Fires if this is true; it sees `response`: statusCode, body and headers.",
    )
    encrypt_body: bool = Field(default=False, description="Keep the body of the answer encrypted.")


TRIGGERS: tuple[type[Trigger], ...] = (
    Schedule,
    ScheduleOnDates,
    Webhook,
    FlowTrigger,
    HttpTrigger,
)
"""Every trigger type."""
