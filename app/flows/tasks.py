"""`Task`: the properties that all task types have in common."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, Field

from app.flows.names import EntryId, LogLevel
from app.flows.retry import Retry
from app.flows.typed import ByType, Model, Typed
from app.flows.values import Duration, Dynamic, Text


class WorkerGroup(Model):
    """The group of workers that a task or a trigger runs on."""

    key: Text | None = Field(None, description="The name of the group.")
    fallback: Literal["FAIL", "WAIT", "CANCEL"] | None = Field(
        None, description="What happens when no worker of the group is there."
    )


class TaskCache(Model):
    """Reuse of the outputs of an earlier, equal task run."""

    enabled: bool = Field(default=False, description="Whether outputs are reused.")
    ttl: Duration | None = Field(None, description="For how long outputs may be reused.")


class Asset(Model):
    """Something a task reads or makes, for lineage only."""

    id: Text = Field(description="The id of the asset.")
    namespace: Text | None = Field(None, description="The namespace of the asset.")
    type: Text | None = Field(None, description="What kind of asset it is.")
    display_name: Text | None = Field(None, description="The name shown to people.")
    description: Text | None = Field(None, description="What the asset is, in Markdown.")
    metadata: dict[str, Any] | None = Field(None, description="Anything else about the asset.")


class Assets(Model):
    """The assets that a task reads and makes."""

    inputs: list[Asset] = Field(default_factory=list, description="The assets read.")
    outputs: list[Asset] = Field(default_factory=list, description="The assets made.")


class Task(Typed):
    """One task of a flow. A task type is a subclass with its own properties."""

    subflow: ClassVar[bool] = False
    """Whether the task starts the flow that its `namespace` and `flow_id` name."""

    id: EntryId = Field(description="The id of the task, unique in the flow.")
    type: Text = Field(description="The full name of the task type.")
    description: Text | None = Field(None, description="What the task is for, in Markdown.")
    disabled: bool = Field(
        default=False, description="A disabled task is ignored, as if it were not in the list."
    )
    run_if: Text | None = Field(
        None,
        validation_alias=AliasChoices("runIf", "when"),
        description="An expression; the task is skipped if it is not true.",
    )
    timeout: Dynamic[Duration] | None = Field(
        None, description="The longest time one attempt may take."
    )
    retry: Retry | None = Field(None, description="How the task is tried again when it failed.")
    allow_failure: bool = Field(
        default=False, description="A failure counts as a warning and the flow goes on."
    )
    allow_warning: bool = Field(default=False, description="A warning counts as a success.")
    log_level: LogLevel | None = Field(None, description="The lowest level of logs that are kept.")
    log_to_file: bool = Field(
        default=False, description="Keep the logs in one file of the internal storage."
    )
    worker_group: WorkerGroup | None = Field(
        None, description="The group of workers that runs the task."
    )
    version: Text | None = Field(None, description="The version of the plugin.")
    task_cache: TaskCache | None = Field(
        None, description="Reuse the outputs of an equal task run for some time."
    )
    assets: Assets | None = Field(None, description="What the task reads and makes, for lineage.")
    on_lost: Literal["redeliver", "fail"] = Field(
        "redeliver",
        description="What happens to an attempt whose outcome is unknown: sent again with the same "
        "idempotency key, or failed and never sent twice.",
    )


Tasks = Annotated[list[Annotated[Task, ByType("task")]], Field()]
"""Tasks, each validated as the type it names; may be empty."""

SomeTasks = Annotated[list[Annotated[Task, ByType("task")]], Field(min_length=1)]
"""Tasks, at least one."""
