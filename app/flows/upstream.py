"""Upstream flows of Flow triggers in the form of Kestra 2: `dependsOn`, `window`, `onMiss`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from app.flows.labels import Labels
from app.flows.names import StateName
from app.flows.temporal import LocalTime
from app.flows.typed import Model, refuse
from app.flows.values import Duration, Text


class Upstream(Model):
    """A flow of which an execution must have ended."""

    namespace: Text = Field(description="The namespace of the flow.")
    flow_id: Text | None = Field(None, description="The id of the flow; any flow if left out.")
    states: list[StateName] | None = Field(None, description="The states that count.")
    labels: Labels | None = Field(None, description="Labels that the execution must have.")
    when: Text | None = Field(None, description="An expression on the execution.")


class Window(Model):
    """The time in which upstream executions must end; one of four forms."""

    deadline: LocalTime | None = Field(None, description="By this time of the day.")
    from_: LocalTime | None = Field(None, alias="from", description="From this time of the day …")
    to: LocalTime | None = Field(None, description="… to this one.")
    every: Duration | None = Field(None, description="In each period of this length …")
    offset: Duration | None = Field(None, description="… shifted by this.")
    lookback: Duration | None = Field(None, description="In the time before each execution.")
    fire_once: bool | None = Field(None, description="Fire at most once in a window.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [self.deadline, self.from_ or self.to, self.every, self.lookback]
        if sum(form is not None for form in forms) > 1:
            refuse(self, {"deadline": "only one of deadline, from/to, every, lookback may be set"})
        return self


class OnMiss(Model):
    """What happens when a window ends before everything in it has happened."""

    behavior: Literal["FAIL"] = Field("FAIL", description="Create an execution that has failed.")
    labels: Labels = Field(default_factory=list, description="Labels of that execution.")
