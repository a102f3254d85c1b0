"""The parts that the engine is put together from; `node` chooses them."""

from dataclasses import dataclass, field

from app.engine.limits import Limits
from app.engine.logs import LogSink
from app.ports import Clock, Executions, FlowSource, HttpClient, Journal, Storage


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of one node's engine. `fence` is the epoch of this start (contract D4)."""

    journal: Journal
    executions: Executions
    flows: FlowSource
    storage: Storage
    http: HttpClient
    clock: Clock
    sink: LogSink
    fence: int
    limits: Limits = field(default_factory=Limits)
