"""What triggers are put together from; `node` chooses it."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol

from app.config import TriggerSettings
from app.db.database import Database
from app.db.flows import FlowStore
from app.db.outbox import Outbox
from app.db.triggers import TriggerStore
from app.db.windows import WindowStore
from app.engine.commands import Commands
from app.engine.executor import Executor
from app.engine.logs import LogSink
from app.engine.preview import Previews
from app.flows.encryption import Cipher
from app.flows.schedule_dates import moment
from app.ports import Clock, Executions, HttpClient, NoRules, TenantRules


class Alarm(Protocol):
    """Rings once at a time; setting it again forgets the time before."""

    def set(self, at: int | None) -> None:
        """Ring at this time (µs since the epoch), None: not at all."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerParts:
    """The parts of one node that its triggers use."""

    database: Database
    flows: FlowStore
    store: TriggerStore
    windows: WindowStore
    outbox: Outbox
    commands: Commands
    executor: Executor
    executions: Executions
    previews: Previews
    sink: LogSink
    http: HttpClient
    clock: Clock
    zone: tzinfo
    """The server's."""
    settings: TriggerSettings
    cipher: Cipher | None = None
    tenants: TenantRules = field(default_factory=NoRules)
    """What namespaces may do with each other."""

    def now(self) -> datetime:
        """Return the time in the server's zone."""
        return moment(self.clock.now()).astimezone(self.zone)
