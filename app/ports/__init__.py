"""Every seam of the engine, by what it is about: this page names them all.

The engine sees these and nothing else of the outside; `node` chooses the adapters. Each Protocol is
a contract: its tests run on every implementation and on the fake.
"""

from app.ports.executions import Archive, ArchiveQuery, Ended, Executions, FlowKey, Slots
from app.ports.files import NamespaceFile, NamespaceFiles, Storage
from app.ports.flow_tests import (
    AssertionResult,
    CaseResult,
    FlowTests,
    FlowTree,
    SuiteResult,
    SuiteSource,
)
from app.ports.flows import (
    FlowNames,
    FlowRevision,
    FlowSource,
    LoadedFlow,
    RevisionPolicy,
    Triggers,
)
from app.ports.forges import (
    Annotation,
    Approval,
    Check,
    Comment,
    Forge,
    Hook,
    HookDelivery,
    NewPull,
    PullRequest,
)
from app.ports.http import HttpAnswer, HttpCall, HttpClient
from app.ports.journal import Claim, Clock, Journal, LogEntry, MetricEntry
from app.ports.programs import Command, Jq, Runner, Runners
from app.ports.stores import (
    KeptKey,
    KeyValue,
    KeyValues,
    LogLine,
    LogQuery,
    Logs,
    NamespaceVariables,
    SecretLookup,
    SecretStore,
    SecretUse,
    TaskCache,
)
from app.ports.tenants import UNBOUNDED, NoRules, Share, TenantRules, Use

__all__ = [
    "UNBOUNDED",
    "Annotation",
    "Approval",
    "Archive",
    "ArchiveQuery",
    "AssertionResult",
    "CaseResult",
    "Check",
    "Claim",
    "Clock",
    "Command",
    "Comment",
    "Ended",
    "Executions",
    "FlowKey",
    "FlowNames",
    "FlowRevision",
    "FlowSource",
    "FlowTests",
    "FlowTree",
    "Forge",
    "Hook",
    "HookDelivery",
    "HttpAnswer",
    "HttpCall",
    "HttpClient",
    "Journal",
    "Jq",
    "KeptKey",
    "KeyValue",
    "KeyValues",
    "LoadedFlow",
    "LogEntry",
    "LogLine",
    "LogQuery",
    "Logs",
    "MetricEntry",
    "NamespaceFile",
    "NamespaceFiles",
    "NamespaceVariables",
    "NewPull",
    "NoRules",
    "PullRequest",
    "RevisionPolicy",
    "Runner",
    "Runners",
    "SecretLookup",
    "SecretStore",
    "SecretUse",
    "Share",
    "Slots",
    "Storage",
    "SuiteResult",
    "SuiteSource",
    "TaskCache",
    "TenantRules",
    "Triggers",
    "Use",
]
