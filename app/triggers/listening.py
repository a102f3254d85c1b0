"""Who listens to whom: the flow triggers by the flows whose executions they hear of.

The index is in memory, made from the table alone; an execution that nobody listens to costs one
look-up.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from app.db.trigger_records import FlowKey, TriggerKey, TriggerState
from app.executions import Execution, State
from app.flows import conditions as kinds
from app.flows.conditions import Condition
from app.flows.trigger_types import FlowTrigger

_Places = Sequence[tuple[str, str | None]] | None
"""Namespaces with the id of a flow (None: any); None: anywhere."""

_REMEMBERED = 20_000
_NOBODY: frozenset[str] = frozenset()


class Listener(NamedTuple):
    """A flow trigger, and the states that it listens to."""

    key: TriggerKey
    states: frozenset[str]


def heard_by(trigger: FlowTrigger) -> dict[str, Any]:
    """Return what a flow trigger listens to, as JSON: `states`, and `flows` (null: all)."""
    places = _narrowest(trigger)
    flows = None if places is None else [list(place) for place in dict.fromkeys(places)]
    return {"states": list(trigger.states), "flows": flows}


def _narrowest(trigger: FlowTrigger) -> _Places:
    places = _all_of(trigger.conditions)
    if places is not None:
        return places
    several = [
        _one_of(condition.conditions.values())
        for condition in trigger.conditions
        if isinstance(condition, kinds.MultipleCondition)
    ]
    if trigger.preconditions is not None and not trigger.preconditions.where:
        flows = trigger.preconditions.flows or []
        several.append([(each.namespace, each.flow_id) for each in flows])
    if trigger.depends_on:
        several.append([(each.namespace, each.flow_id) for each in trigger.depends_on])
    joined: list[tuple[str, str | None]] = []
    for each in several:
        if each is None:
            return None
        joined += each
    broad = trigger.preconditions is not None and trigger.preconditions.where
    return None if broad or not several else joined


def _all_of(conditions: Iterable[Condition]) -> _Places:
    """Return where executions must be for which all of these hold."""
    found = [place for each in conditions if (place := _place(each)) is not None]
    found.sort(key=lambda place: place[1] is None)
    return found[:1] or None


def _one_of(conditions: Iterable[Condition]) -> _Places:
    """Return where executions must be for which one of these holds."""
    found = [_place(each) for each in conditions]
    return None if None in found else [place for place in found if place is not None]


def _place(condition: Condition) -> tuple[str, str | None] | None:
    if isinstance(condition, kinds.ExecutionFlow):
        return condition.namespace, condition.flow_id
    if isinstance(condition, kinds.ExecutionNamespace):
        exact = condition.comparison or ("PREFIX" if condition.prefix else "EQUALS")
        return (condition.namespace, None) if exact == "EQUALS" else None
    return None


class Listeners:
    """The index: which flow triggers hear of an execution."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._states: dict[TriggerKey, TriggerState] = {}
        self._of_flow: dict[FlowKey, set[TriggerKey]] = {}
        self._by_place: dict[tuple[str, str | None, str | None], dict[TriggerKey, Listener]] = {}
        self._wanted: dict[FlowKey, frozenset[str]] = {}

    def put(self, state: TriggerState) -> None:
        """Take in a flow trigger, or what it has become."""
        self.drop(state.key)
        if state.listens is None or state.disabled:
            return
        self._states[state.key] = state
        self._of_flow.setdefault(state.flow, set()).add(state.key)
        listener = Listener(state.key, frozenset(state.listens["states"]))
        for place in _places(state):
            self._by_place.setdefault(place, {})[state.key] = listener
        self._wanted.clear()

    def drop(self, key: TriggerKey) -> None:
        """Let go of a flow trigger."""
        state = self._states.pop(key, None)
        if state is None:
            return
        self._of_flow[state.flow].discard(key)
        if not self._of_flow[state.flow]:
            del self._of_flow[state.flow]
        for place in _places(state):
            found = self._by_place.get(place, {})
            found.pop(key, None)
            if not found:
                self._by_place.pop(place, None)
        self._wanted.clear()

    def of_flow(self, flow: FlowKey) -> list[TriggerKey]:
        """Return the flow triggers that stand in a flow."""
        return list(self._of_flow.get(flow, ()))

    def listens(self, execution: Execution, state: State) -> bool:
        """Whether anybody wants to hear that an execution entered a state."""
        if not self._by_place:
            return False
        flow = (execution.tenant, execution.namespace, execution.flow_id)
        wanted = self._wanted.get(flow)
        if wanted is None:
            wanted = self._remember(flow)
        return state.value in wanted

    def _remember(self, flow: FlowKey) -> frozenset[str]:
        if len(self._wanted) >= _REMEMBERED:
            self._wanted.clear()
        found = (listener.states for listener in self._all(flow))
        wanted = self._wanted[flow] = _NOBODY.union(*found)
        return wanted

    def hearing(self, execution: Execution, state: str) -> list[TriggerKey]:
        """Return the triggers that hear of an execution; never those of its own flow."""
        flow = (execution.tenant, execution.namespace, execution.flow_id)
        return [each.key for each in self._all(flow) if state in each.states]

    def _all(self, flow: FlowKey) -> list[Listener]:
        tenant, namespace, flow_id = flow
        places = ((tenant, namespace, flow_id), (tenant, namespace, None), (tenant, None, None))
        found: dict[TriggerKey, Listener] = {}
        for place in places:
            found |= self._by_place.get(place, {})
        return [each for key, each in found.items() if key[:3] != flow]


def _places(state: TriggerState) -> list[tuple[str, str | None, str | None]]:
    flows = (state.listens or {}).get("flows")
    if flows is None:
        return [(state.tenant, None, None)]
    return [(state.tenant, namespace, flow_id) for namespace, flow_id in flows]
