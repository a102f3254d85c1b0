"""`Trigger`, what all trigger types have in common."""

from typing import Annotated

from pydantic import AliasChoices, Field

from app.flows.conditions import Conditions
from app.flows.labels import Labels
from app.flows.names import EntryId, LogLevel, StateName
from app.flows.tasks import Assets, WorkerGroup
from app.flows.typed import ByType, Typed
from app.flows.values import Text


class Trigger(Typed):
    """One trigger of a flow. A trigger type is a subclass with its own properties."""

    id: EntryId = Field(description="The id of the trigger, unique in the flow.")
    type: Text = Field(description="The full name of the trigger type.")
    description: Text | None = Field(None, description="What the trigger is for, in Markdown.")
    conditions: Conditions = Field(
        default_factory=list, description="The trigger fires only if all of these hold."
    )
    when: Text | None = Field(
        None, description="An expression; the trigger fires only if it is true."
    )
    disabled: bool = Field(default=False, description="A disabled trigger does not fire.")
    worker_group: WorkerGroup | None = Field(
        None, description="The group of workers that evaluates the trigger."
    )
    log_level: LogLevel | None = Field(
        None,
        validation_alias=AliasChoices("logLevel", "minLogLevel"),
        description="The lowest level of logs that are kept.",
    )
    log_to_file: bool = Field(
        default=False, description="Keep the logs in one file of the internal storage."
    )
    labels: Labels = Field(
        default_factory=list, description="Labels of the executions; values may be expressions."
    )
    stop_after: list[StateName] = Field(
        default_factory=list,
        description="The trigger is disabled after an execution that ends in one of these states.",
    )
    allow_concurrent: bool = Field(
        default=False, description="Fire again while an execution of the trigger still runs."
    )
    fail_on_trigger_error: bool = Field(
        default=False, description="Create a FAILED execution when the evaluation fails."
    )
    version: Text | None = Field(None, description="The version of the plugin.")
    assets: Assets | None = Field(None, description="What the flow reads and makes, for lineage.")


Triggers = Annotated[list[Annotated[Trigger, ByType("trigger")]], Field()]
"""Triggers, each validated as the type it names."""
