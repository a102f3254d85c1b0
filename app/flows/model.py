"""The model of a flow document: one name for each of its parts.

A task type is a subclass of `Task` with its own properties; `Tasks` is a list of them, each
validated as the type that it names.
"""

from app.flows.conditions import CONDITIONS, Condition, Conditions, SomeConditions
from app.flows.declarations import INPUT_TYPES, Input, Inputs, Output
from app.flows.flow import Flow, Listener, PluginDefault
from app.flows.labels import Label, Labels, label_map
from app.flows.names import EntryId, FlowId, InputId, LogLevel, Namespace, StateName
from app.flows.policies import Check, Concurrency, ExecutionAssertion, MaxDuration, Sla
from app.flows.retry import Constant, Exponential, Random, Retry
from app.flows.runners import RUNNERS, SomeRunner, TaskRunner
from app.flows.tasks import Asset, Assets, SomeTasks, Task, TaskCache, Tasks, WorkerGroup
from app.flows.trigger_types import TRIGGERS
from app.flows.triggers import Trigger, Triggers
from app.flows.typed import Model, Typed

__all__ = [
    "CONDITIONS",
    "INPUT_TYPES",
    "RUNNERS",
    "TRIGGERS",
    "Asset",
    "Assets",
    "Check",
    "Concurrency",
    "Condition",
    "Conditions",
    "Constant",
    "EntryId",
    "ExecutionAssertion",
    "Exponential",
    "Flow",
    "FlowId",
    "Input",
    "InputId",
    "Inputs",
    "Label",
    "Labels",
    "Listener",
    "LogLevel",
    "MaxDuration",
    "Model",
    "Namespace",
    "Output",
    "PluginDefault",
    "Random",
    "Retry",
    "Sla",
    "SomeConditions",
    "SomeRunner",
    "SomeTasks",
    "StateName",
    "Task",
    "TaskCache",
    "TaskRunner",
    "Tasks",
    "Trigger",
    "Triggers",
    "Typed",
    "WorkerGroup",
    "label_map",
]
