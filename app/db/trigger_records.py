"""What is stored about triggers, as values that travel upwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.access import Reach

FlowKey = tuple[str, str, str]
"""Tenant, namespace, flow id."""
TriggerKey = tuple[str, str, str, str]
"""Tenant, namespace, flow id, trigger id."""


class Backfill(NamedTuple):
    """A schedule's dates of a time that has passed, run one after another. Times are µs."""

    start: int
    end: int
    current: int
    """The date that is next."""
    previous_next: int | None
    """What was next before; it is again when the backfill is over."""
    paused: bool = False
    inputs: Mapping[str, Any] | None = None
    labels: Sequence[tuple[str, str]] = ()
    made_at: int = 0


@dataclass(frozen=True, slots=True)
class TriggerState:
    """One trigger of a flow. Times are µs since the epoch."""

    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str
    type: str
    fingerprint: str
    """Of its definition: a changed one gets its next date anew."""
    updated_at: int
    """Also its version: a change is refused when somebody else has made one."""
    date: int | None = None
    """The planned time of the last fire."""
    next_at: int | None = None
    execution_id: str | None = None
    """The execution that it waits for."""
    evaluating_at: int | None = None
    disabled: bool = False
    stop_after: tuple[str, ...] = ()
    backfill: Backfill | None = None
    listens: Mapping[str, Any] | None = None
    """Of a flow trigger: what it listens to."""

    @property
    def key(self) -> TriggerKey:
        """Its name in the whole instance."""
        return self.tenant, self.namespace, self.flow_id, self.trigger_id

    @property
    def flow(self) -> FlowKey:
        """Its flow."""
        return self.tenant, self.namespace, self.flow_id

    @property
    def name(self) -> str:
        """How claims and logs call it."""
        return f"{self.namespace}.{self.flow_id}.{self.trigger_id}"


@dataclass(frozen=True, slots=True)
class TriggerFilter:
    """Which triggers; empty fields do not matter."""

    tenant: str | None = None
    namespace: str | None = None
    """This namespace and those below it."""
    flow_id: str | None = None
    trigger_id: str | None = None
    text: str | None = None
    exact_namespace: bool = False
    reach: Reach | None = None
    """Only in namespaces that it holds."""
