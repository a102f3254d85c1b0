"""What the API calls: the parts of a running node, seen through one Protocol."""

import asyncio
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.config import Settings
from app.db.access import AccessStore
from app.db.audit import AuditStore
from app.db.audit_ledger import Ledger
from app.db.executions import SqlExecutions
from app.db.flows import FlowStore
from app.db.key_values import SqlKeyValues
from app.db.logs import SqlLogs
from app.db.metrics import SqlMetrics
from app.db.sources import SourceStore
from app.db.statistics import Statistics
from app.db.triggers import TriggerStore
from app.engine.commands import Commands
from app.engine.evaluation import Evaluations
from app.engine.executor import Executor
from app.engine.flow_tests import SuiteRunner
from app.engine.logs import LogSink
from app.errors import Unavailable
from app.flows.encryption import Cipher
from app.flows.typenames import Types
from app.ports import Clock, HttpClient, Storage, TenantRules
from app.sync.overlays import Overlays
from app.sync.planning.planner import Planner
from app.sync.review.service import Reviews
from app.sync.service import SyncService
from app.sync.tenants import Tenants
from app.sync.testing.service import SuiteService
from app.sync.tracing.service import Tracing
from app.triggers.service import Triggers
from app.triggers.verbs import TriggerVerbs
from app.triggers.webhooks import Webhooks


class Services(Protocol):
    """A running node, as far as the API knows it."""

    @property
    def settings(self) -> Settings:
        """What the operator chose."""
        ...

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...

    @property
    def registry(self) -> Types:
        """The task and trigger types."""
        ...

    @property
    def own_http(self) -> HttpClient:
        """The client of calls to addresses that an administrator named."""
        ...

    @property
    def cipher(self) -> Cipher:
        """What seals secret values under the server's key."""
        ...

    @property
    def storage(self) -> Storage:
        """Internal storage."""
        ...

    @property
    def flows(self) -> FlowStore:
        """Flows by revision."""
        ...

    @property
    def tenants(self) -> Tenants:
        """What is said of tenants."""
        ...

    @property
    def rules(self) -> TenantRules:
        """What tenants may take, and what namespaces may do with each other."""
        ...

    @property
    def executions(self) -> SqlExecutions:
        """Searches over executions."""
        ...

    @property
    def logs(self) -> SqlLogs:
        """Searches over task logs and metrics."""
        ...

    @property
    def metrics(self) -> SqlMetrics:
        """Searches over what tasks reported."""
        ...

    @property
    def key_values(self) -> SqlKeyValues:
        """Key-value pairs."""
        ...

    @property
    def sink(self) -> LogSink:
        """Where task logs pass through on their way to the database."""
        ...

    @property
    def executor(self) -> Executor:
        """Executions in motion."""
        ...

    @property
    def commands(self) -> Commands:
        """The verbs of executions."""
        ...

    @property
    def statistics(self) -> Statistics:
        """Figures about what is stored."""
        ...

    @property
    def evaluations(self) -> Evaluations:
        """Expressions in the context of executions."""
        ...

    @property
    def sync(self) -> SyncService:
        """Git: sources, commits, writes, pins."""
        ...

    @property
    def flow_tests(self) -> SuiteRunner:
        """Tests of flows, run in memory."""
        ...

    @property
    def sources(self) -> SourceStore:
        """What is known of sources, revisions and how things stand."""
        ...

    @property
    def audit(self) -> AuditStore:
        """Who did what, and why."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The chains of the audit log."""
        ...

    @property
    def access(self) -> AccessStore:
        """Users, groups, roles, bindings, tokens and sessions."""
        ...

    @property
    def overlays(self) -> Overlays:
        """What operators override without touching Git."""
        ...

    @property
    def plans(self) -> Planner:
        """Plans of commits and of trees that are sent."""
        ...

    @property
    def reviews(self) -> Reviews:
        """Reviews of pull requests."""
        ...

    @property
    def suites(self) -> SuiteService:
        """Files of tests, and what became of them."""
        ...

    @property
    def tracing(self) -> Tracing:
        """Who wrote what, and what broke a flow."""
        ...

    @property
    def triggers(self) -> Triggers:
        """What starts flows by itself."""
        ...

    @property
    def trigger_states(self) -> TriggerStore:
        """Searches over triggers."""
        ...

    @property
    def trigger_verbs(self) -> TriggerVerbs:
        """The verbs of triggers."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Calls that start flows."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the node takes work."""
        ...


def services(connection: HTTPConnection) -> Services:
    """Return the node that serves this application.

    Raises:
        Unavailable: while there is none: before the start and after the end.
    """
    node: Services | None = getattr(connection.app.state, "node", None)
    if node is None:
        message = "the service is starting or stopping"
        raise Unavailable(message, retry_after=1)
    return node


def stopping(connection: HTTPConnection) -> asyncio.Event:
    """Return the event that is set when the service stops: streams and waits end then."""
    event: asyncio.Event = connection.app.state.stopping
    return event


async def _node(connection: HTTPConnection) -> Services:
    """Return the node; a function that is no coroutine would cost a thread each time."""
    return services(connection)


Node = Annotated[Services, Depends(_node)]
"""A parameter of a route: the running node."""
