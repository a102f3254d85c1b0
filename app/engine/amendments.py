"""What people change of executions without running them: labels, the state after the end."""

from collections.abc import Sequence

from app.engine.executor import Revival
from app.engine.limits import refusal
from app.errors import Invalid, NotFound
from app.executions import ROOT, Event, Execution, Kind, State
from app.ports import Clock, LoadedFlow

SYSTEM = "system."


def relabelling(clock: Clock, tenant: str, labels: Sequence[tuple[str, str]]) -> Revival:
    """Return what sets the labels of an execution; those of the system stay as they are.

    Raises (when called):
        NotFound: when the tenant has no such execution.
        Invalid: for a label of the system, or too many labels.
    """

    def make(execution: Execution, _: LoadedFlow) -> Sequence[Event]:
        _refuse_other(tenant, execution)
        wanted = _wanted(execution, labels)
        pairs = [list(pair) for pair in wanted.items()]
        return [Event(Kind.LABELLED, clock.now(), ROOT, data={"labels": pairs})]

    return make


def _wanted(execution: Execution, labels: Sequence[tuple[str, str]]) -> dict[str, str]:
    own = {label.key: label.value for label in execution.labels if label.key.startswith(SYSTEM)}
    wanted = dict(labels)
    for key, value in wanted.items():
        if key.startswith(SYSTEM) and own.get(key) != value:
            message = f"System labels can only be set by Headwater itself, found label '{key}'."
            raise Invalid(message)
    wanted |= own
    if problem := refusal(wanted):
        raise Invalid(problem)
    return wanted


def restating(clock: Clock, tenant: str, state: State) -> Revival:
    """Return what puts an execution that has ended into another state of those that end it.

    Raises (when called):
        NotFound: when the tenant has no such execution.
        Invalid: when it has not ended, or `state` is none that ends an execution.
    """

    def make(execution: Execution, _: LoadedFlow) -> Sequence[Event]:
        _refuse_other(tenant, execution)
        if not state.terminal or state in (State.RETRIED, State.SKIPPED):
            message = f"the state {state} does not end an execution: it cannot be set by hand"
            raise Invalid(message)
        if not execution.state.terminal:
            message = f"execution {execution.id} is {execution.state}: it has not ended"
            raise Invalid(message)
        if execution.state is state:
            return []
        return [Event(Kind.MOVED, clock.now(), ROOT, state, data={"forced": True})]

    return make


def _refuse_other(tenant: str, execution: Execution) -> None:
    if execution.tenant != tenant:
        message = f"there is no execution {execution.id}"
        raise NotFound(message)
