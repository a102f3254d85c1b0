"""The parts that the engine is put together from; `node` chooses them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.engine.limits import Limits
from app.engine.logs import LogSink
from app.executions import Execution
from app.flows.encryption import Cipher
from app.flows.typenames import Types
from app.plugins.api import ExecutionActions
from app.ports import (
    Clock,
    Executions,
    FlowSource,
    HttpClient,
    Journal,
    Jq,
    KeyValues,
    Logs,
    NamespaceFiles,
    NamespaceVariables,
    NoRules,
    Runners,
    SecretStore,
    SecretUse,
    Slots,
    Storage,
    TaskCache,
    TenantRules,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of one node's engine. `fence` is the epoch of this start (contract D4)."""

    journal: Journal
    executions: Executions
    flows: FlowSource
    slots: Slots
    storage: Storage
    http: HttpClient
    clock: Clock
    sink: LogSink
    fence: int
    kv: KeyValues
    files: NamespaceFiles
    runners: Runners
    jq: Jq
    logs: Logs
    cache: TaskCache
    actions: Callable[[Execution], ExecutionActions]
    """What the tasks of an execution may do with executions."""
    types: Types
    """The task types, for tasks that are made at run time."""
    work: Path
    """The folder of working directories."""
    limits: Limits = field(default_factory=Limits)
    tenants: TenantRules = field(default_factory=NoRules)
    """What tenants may take, and what namespaces may do with each other."""
    cipher: Cipher | None = None
    """What seals secret values; None: they are refused."""
    secrets: SecretStore | None = None
    """The secrets of namespaces; None: those of the environment are all."""
    secret_used: Callable[[SecretUse], None] | None = None
    """Is told of every use of a secret, once an execution and name."""
    variables: NamespaceVariables | None = None
    """The variables of namespaces; None: there are none."""
    globals: Mapping[str, Any] = field(default_factory=dict)
    """What expressions see of the service at the top level: `globals`, `kestra`."""
