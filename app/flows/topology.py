"""How flows depend on each other: which start others, which listen to others.

A relation points from the flow that is first to the one that follows: `FLOW_TASK` when a task of
the first starts the second, `FLOW_TRIGGER` when a Flow trigger of the second listens to the first.
What only an execution decides (states, outputs, expressions) counts as possible.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from app.flows.branches import children
from app.flows.flow import Flow
from app.flows.listening import hears
from app.flows.rules import SUBFLOWS
from app.flows.tasks import Task
from app.flows.trigger_types import FlowTrigger
from app.flows.values import is_template

FLOW_TASK: Final = "FLOW_TASK"
FLOW_TRIGGER: Final = "FLOW_TRIGGER"
Relation = Literal["FLOW_TASK", "FLOW_TRIGGER"]

_OWN_NAMESPACE = re.compile(r"\{\{\s*flow\.namespace\s*\}\}")


class Name(NamedTuple):
    """A flow of a tenant."""

    namespace: str
    id: str


class Tie(NamedTuple):
    """A relation of two flows."""

    source: Name
    target: Name
    relation: Relation


@dataclass(frozen=True, slots=True)
class Ties:
    """What a flow starts and what it listens to."""

    starts: frozenset[Name] = frozenset()
    listens: tuple[FlowTrigger, ...] = ()

    @property
    def any(self) -> bool:
        """Whether the flow depends on others, or they on it through its tasks."""
        return bool(self.starts or self.listens)


def ties_of(flow: Flow) -> Ties:
    """Return what a flow starts and listens to; names that are expressions are left out."""
    starts = set()
    for task in all_tasks(flow):
        if task.subflow or task.type in SUBFLOWS:
            name = _called(task, flow)
            if name is not None:
                starts.add(name)
    listens = tuple(each for each in flow.triggers if isinstance(each, FlowTrigger))
    return Ties(frozenset(starts), listens)


def all_tasks(flow: Flow) -> Iterator[Task]:
    """Yield every task of a flow, however deep it lies."""
    stack: list[Task] = [*flow.tasks, *flow.errors, *flow.finally_, *flow.after_execution]
    stack.extend(task for listener in flow.listeners for task in listener.tasks)
    while stack:
        task = stack.pop()
        yield task
        stack.extend(children(task))


def _called(task: Task, flow: Flow) -> Name | None:
    written = str(getattr(task, "namespace", None) or "")
    namespace = _OWN_NAMESPACE.sub(flow.namespace, written)
    flow_id = str(getattr(task, "flow_id", None) or "")
    if not namespace or not flow_id or is_template(namespace) or is_template(flow_id):
        return None
    return Name(namespace, flow_id)


def relation(parent: Flow, child: Flow) -> Relation | None:
    """Return how `child` follows `parent`; None when it does not, or is the same flow."""
    first, second = Name(parent.namespace, parent.id), Name(child.namespace, child.id)
    if first == second:
        return None
    if second in ties_of(parent).starts:
        return FLOW_TASK
    return FLOW_TRIGGER if _listens(ties_of(child), first) else None


def relations(flows: Mapping[Name, Ties]) -> Iterator[Tie]:
    """Yield every relation among flows, by what each of them starts and listens to."""
    for name, ties in flows.items():
        for other in sorted(ties.starts):
            if other in flows and other != name:
                yield Tie(name, other, FLOW_TASK)
        if ties.listens:
            for other in flows:
                if other != name and _listens(ties, other):
                    yield Tie(other, name, FLOW_TRIGGER)


def circle(flows: Mapping[Name, Ties], start: Name) -> list[Name]:
    """Return the shortest circle in which flows start each other from `start` back to it.

    The first one stands at the end again; empty when there is none. A flow that starts itself is
    no such circle: that is refused before.
    """
    trails = [[start]]
    seen = {start}
    for trail in trails:
        for name in sorted(flows[trail[-1]].starts & flows.keys()):
            if name == start and len(trail) > 1:
                return [*trail, start]
            if name not in seen:
                seen.add(name)
                trails.append([*trail, name])
    return []


def _listens(ties: Ties, name: Name) -> bool:
    return any(hears(each, name.namespace, name.id) for each in ties.listens)
