"""`Flow`: a whole flow document."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import AliasChoices, Field

from app.flows.conditions import Conditions
from app.flows.declarations import Inputs, Output
from app.flows.dump import dump
from app.flows.labels import Labels
from app.flows.names import FlowId, Namespace
from app.flows.policies import Check, Concurrency, Sla
from app.flows.retry import Retry
from app.flows.tasks import SomeTasks, Tasks, WorkerGroup
from app.flows.triggers import Triggers
from app.flows.typed import Model, outdated
from app.flows.values import Text


class PluginDefault(Model):
    """Property values for every entry of a type."""

    type: Text = Field(description="A type, or the start of type names.")
    forced: bool = Field(
        default=False, description="Whether these values win over those of the entry."
    )
    values: dict[str, Any] = Field(description="The values.")


class Listener(Model):
    """Tasks that run when an execution has ended and the conditions hold."""

    deprecated: ClassVar[str] = "use triggers of type Flow, or afterExecution"

    description: Text | None = Field(None, description="What the listener is for.")
    conditions: Conditions = Field(default_factory=list, description="All of these must hold.")
    tasks: SomeTasks = Field(description="The tasks to run.")


class Flow(Model):
    """A flow: everything its document says, with plugin defaults merged in."""

    renamed: ClassVar[Mapping[str, str]] = {"taskDefaults": "pluginDefaults"}

    id: FlowId = Field(description="The id of the flow, unique in its namespace.")
    namespace: Namespace = Field(description="The namespace of the flow; dots nest.")
    tenant_id: Text | None = Field(None, description="The tenant; never part of the source.")
    revision: int | None = Field(None, ge=1, description="The revision; assigned on saving.")
    description: Text | None = Field(None, description="What the flow is for, in Markdown.")
    labels: Labels = Field(default_factory=list, description="Labels of the flow.")
    inputs: Inputs = Field(default_factory=list, description="What an execution is started with.")
    outputs: list[Output] = Field(default_factory=list, description="What an execution returns.")
    variables: dict[str, Any] = Field(
        default_factory=dict, description="Values for `vars` in expressions; kept as written."
    )
    tasks: SomeTasks = Field(description="The tasks, run one after another.")
    errors: Tasks = Field(default_factory=list, description="Tasks to run when a task failed.")
    finally_: Tasks = Field(
        default_factory=list,
        alias="finally",
        description="Tasks to run last, whatever happened, while the execution still runs.",
    )
    after_execution: Tasks = Field(
        default_factory=list, description="Tasks to run after the execution has ended."
    )
    listeners: list[Listener] = Field(
        default_factory=list,
        json_schema_extra=outdated("use triggers of type Flow, or afterExecution"),
        description="Tasks to run when an execution has ended and conditions hold.",
    )
    triggers: Triggers = Field(default_factory=list, description="What starts executions.")
    plugin_defaults: list[PluginDefault] = Field(
        default_factory=list,
        validation_alias=AliasChoices("pluginDefaults", "taskDefaults"),
        description="Property values by type, merged into tasks, triggers and conditions.",
    )
    concurrency: Concurrency | None = Field(
        None, description="How many executions may run at once."
    )
    retry: Retry | None = Field(
        None, description="How failed tasks, or the whole flow, are tried again."
    )
    sla: list[Sla] = Field(default_factory=list, description="Service levels of executions.")
    checks: list[Check] = Field(
        default_factory=list, description="Conditions on the inputs, before an execution starts."
    )
    worker_group: WorkerGroup | None = Field(
        None, description="The group of workers for tasks that name none."
    )
    disabled: bool = Field(
        default=False, description="A disabled flow has no triggers and cannot be executed."
    )
    deleted: bool = Field(default=False, description="A deleted flow is a revision like others.")

    def to_json(self) -> dict[str, Any]:
        """Return the flow as Kestra's JSON: camelCase, what was set, no nulls."""
        return {**dump(self), "disabled": self.disabled, "deleted": self.deleted}
