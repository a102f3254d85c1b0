"""What a flow asks of its executions: limits on how many run, service levels, and checks."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from app.flows.labels import Labels
from app.flows.names import EntryId
from app.flows.typed import Model
from app.flows.values import Duration, Text


class Concurrency(Model):
    """How many executions of the flow may run at once."""

    limit: int = Field(gt=0, description="The most executions that run at once.")
    behavior: Literal["QUEUE", "CANCEL", "FAIL"] = Field(
        "QUEUE", description="What happens to an execution above the limit."
    )


class ServiceLevel(Model):
    """What all service levels have in common."""

    id: EntryId = Field(description="The id of the service level.")
    behavior: Literal["FAIL", "CANCEL", "NONE"] = Field(
        description="What happens to an execution that violates it."
    )
    labels: Labels = Field(
        default_factory=list, description="Labels that a violation adds to the execution."
    )


class MaxDuration(ServiceLevel):
    """An execution may not take longer than this."""

    type: Literal["MAX_DURATION"] = Field(description="The kind of service level.")
    duration: Duration = Field(description="The longest time, counted from the start.")


class ExecutionAssertion(ServiceLevel):
    """An expression that must stay true while the execution changes."""

    type: Literal["EXECUTION_ASSERTION"] = Field(description="The kind of service level.")
    assertion: Text = Field(alias="assert", description="The expression.")


Sla = Annotated[MaxDuration | ExecutionAssertion, Field(discriminator="type")]
"""Any service level."""


class Check(Model):
    """A condition on the inputs, looked at before an execution is created."""

    condition: Text = Field(
        validation_alias=AliasChoices("condition", "when"),
        description="An expression that must be true.",
    )
    message: Text = Field(description="What the user is told if it is not.")
    style: Literal["ERROR", "SUCCESS", "WARNING", "INFO"] = Field(
        "INFO", description="How the message is shown."
    )
    behavior: Literal["BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"] = Field(
        "BLOCK_EXECUTION", description="What becomes of the execution."
    )
