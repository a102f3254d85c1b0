"""An execution and its task runs: the fold of a journal.

`Execution.fold(events)` is the state; `apply` moves it on by one event. The same code serves the
running engine, recovery after a crash, and every reader.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from app.errors import Conflict
from app.executions.events import Event, Kind
from app.executions.ids import task_run_id
from app.executions.paths import ROOT, TaskRunPath
from app.executions.states import State
from app.executions.task_runs import Attempt, Moment, TaskRun


class Label(NamedTuple):
    """A label of an execution."""

    key: str
    value: str


@dataclass(slots=True)
class Execution:
    """One run of a flow at one commit."""

    id: str
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    commit: str
    blob: str
    created_at: int
    state: State = State.CREATED
    version: int = 0
    """The number of events so far: the next event's number, counted from 0."""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    labels: list[Label] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    """What its trigger gave it besides inputs: expressions see it at the top level."""
    vars: dict[str, Any] = field(default_factory=dict)
    """What its tasks set: it lies over the flow's variables (`vars`)."""
    trigger: dict[str, Any] | None = None
    parent_id: str | None = None
    original_id: str | None = None
    depth: int = 0
    """How many subflow calls are above this execution."""
    chain: int = 0
    """How many flow triggers led to this execution."""
    wrote: dict[str, str] = field(default_factory=dict)
    """The commits that this execution's own writes made of namespaces' files."""
    attempt: int = 1
    restarts: int = 0
    """How often it went on after its end, or while it paused."""
    schedule_date: int | None = None
    """When (µs) it is to start; None is at once."""
    original_created_at: int | None = None
    """When (µs) the first of a chain of retried executions was created; None: this is the first."""
    after: bool = False
    """Something still happens after the end: `afterExecution`, listeners, a new execution."""
    cascade: bool = False
    """It was killed, and what it started is to be killed, too."""
    anew: int | None = None
    """When (µs) a new execution takes the place of this one, which was RETRIED."""
    slot: bool = False
    """It holds or waits for a slot of its flow's concurrency."""
    violated: list[str] = field(default_factory=list)
    """Service levels that were violated; each acts once."""
    histories: list[Moment] = field(default_factory=list)
    task_runs: dict[TaskRunPath, TaskRun] = field(default_factory=dict)
    reason: str | None = None
    refused: bool = field(default=False, compare=False)
    """A write of this copy was refused: it has parted from the journal, and no more is written."""
    large: bool = field(default=False, compare=False)
    """Outputs too large for the journal are part of this copy."""

    @classmethod
    def fold(cls, execution_id: str, events: Iterable[Event]) -> Self:
        """Build the execution out of its journal.

        Raises:
            Conflict: when the journal does not begin with its creation.
        """
        stream = iter(events)
        first = next(stream, None)
        if first is None or first.kind is not Kind.CREATED:
            message = f"the journal of execution {execution_id} does not begin with its creation"
            raise Conflict(message)
        execution = cls.created(execution_id, first)
        for event in stream:
            execution.apply(event)
        return execution

    @classmethod
    def created(cls, execution_id: str, event: Event) -> Self:
        """Make the execution that `event` (of kind CREATED) tells of."""
        data = dict(event.data)
        labels = [Label(*pair) for pair in data.pop("labels", [])]
        made = cls(id=execution_id, created_at=event.at, labels=labels, version=1, **data)
        made.move(event.to or State.CREATED, event.at)
        return made

    def move(self, state: State, at: int) -> None:
        """Enter `state`; entering the present one again is no change."""
        if self.histories and self.state is state:
            return
        self.state = state
        self.histories.append(Moment(state, at))

    @property
    def caller_id(self) -> str | None:
        """The execution that started this one, by a task or through a flow trigger.

        `parent_id` is Kestra's: for a copy that is the execution it was copied from.
        """
        variables = (self.trigger or {}).get("variables") or {}
        caller = variables.get("executionId")
        return caller if isinstance(caller, str) else None

    @property
    def flow_key(self) -> tuple[str, str, str]:
        """Which flow it runs: tenant, namespace and id, whatever the revision."""
        return self.tenant, self.namespace, self.flow_id

    @property
    def over(self) -> bool:
        """Whether it has ended and nothing runs after its end either."""
        return self.state.terminal and not self.after

    def apply(self, event: Event) -> None:
        """Move on by one event.

        Raises:
            Conflict: when the execution is over already.
        """
        if self.over and not _follows_the_end(event):
            message = f"execution {self.id} has ended as {self.state}; nothing follows"
            raise Conflict(message)
        if event.path:
            run = self.task_runs.get(event.path)
            event.origin = run.state if run is not None else None
        else:
            event.origin = self.state
        _FOLDS[event.kind](self, event)
        self.version += 1

    def apply_moved(self, event: Event) -> None:
        """Fold an event of kind moved."""
        if event.to is not None:
            self.move(event.to, event.at)
        data = event.data
        if not data:
            return
        self.reason = data.get("reason", self.reason)
        self.after = data.get("after", self.after)
        self.cascade = data.get("cascade", self.cascade)
        self.anew = data.get("anew", self.anew)
        self.slot = data.get("slot", self.slot)
        if "outputs" in data:
            self.outputs = data["outputs"]

    def apply_labelled(self, event: Event) -> None:
        """Fold an event of kind labelled."""
        self.labels = [Label(*pair) for pair in event.data["labels"]]
        if "sla" in event.data:
            self.violated.append(event.data["sla"])

    def apply_variables(self, event: Event) -> None:
        """Fold an event of kind variables."""
        self.vars = event.data["variables"]

    def apply_wrote(self, event: Event) -> None:
        """Fold an event of kind wrote."""
        self.wrote[event.data["namespace"]] = event.data["commit"]

    def apply_dropped(self, event: Event) -> None:
        """Fold an event of kind dropped."""
        for path in event.data["paths"]:
            self.task_runs.pop(TaskRunPath(path), None)
        if "iteration" in event.data:
            run = self.task_runs[event.path]
            run.iteration = event.data["iteration"]
            run.decision = event.data["decision"]
            self._output(run, event)

    def apply_restarted(self, event: Event) -> None:
        """Fold an event of kind restarted."""
        for path in event.data.get("dropped", ()):
            self.task_runs.pop(TaskRunPath(path), None)
        anew, kept = event.data.get("anew", ()), event.data.get("kept", {})
        for path, state in event.data["runs"].items():
            run = self.task_runs[TaskRunPath(path)]
            run.reopen(State(state), event.at, kept.get(path))
            if path in anew:
                run.decision = None
        self.attempt += 1
        self.restarts += 1
        self.outputs = self.reason = self.anew = None
        self.after = self.cascade = False
        self.move(State.RESTARTED, event.at)

    def run_id(self, path: TaskRunPath) -> str:
        """Return the id of the task run at a path, which may not be there yet."""
        run = self.task_runs.get(path)
        return run.id if run is not None else task_run_id(self.id, path, self.restarts)

    def _run(self, event: Event) -> TaskRun:
        run = self.task_runs.get(event.path)
        if run is None:
            run = self._new_run(event)
        return run

    def _new_run(self, event: Event) -> TaskRun:
        data = event.data
        run = TaskRun(
            id=task_run_id(self.id, event.path, self.restarts),
            path=event.path,
            task=data["task"],
            parent=TaskRunPath(data.get("parent", ROOT)),
            value=data.get("value"),
            iteration=data.get("iteration"),
            isolated=data.get("isolated", False),
        )
        run.move(State.CREATED, event.at)
        self.task_runs[event.path] = run
        return run

    def apply_started(self, event: Event) -> None:
        """Fold an event of kind started."""
        run = self._run(event)
        run.due = None
        if event.attempt:
            self._attempt_started(run, event)
        run.move(State.RUNNING, event.at)

    def _attempt_started(self, run: TaskRun, event: Event) -> None:
        if run.attempts and not run.attempts[-1].ended:  # the process died during this attempt
            run.attempts[-1].delivery = event.delivery
            return
        if run.state is State.RETRYING:
            run.move(State.CREATED, event.at)
        run.decision = _of_before(run)
        moments = [Moment(State.CREATED, event.at), Moment(State.RUNNING, event.at)]
        run.attempts.append(Attempt(event.attempt, event.delivery, moments))

    def apply_ended(self, event: Event) -> None:
        """Fold an event of kind ended."""
        run = self._run(event)
        state = event.to or State.SUCCESS
        if run.attempts and not run.attempts[-1].ended:
            run.attempts[-1].histories.append(Moment(state, event.at))
            run.attempts[-1].log_file = event.data.get("logFile")
        run.move(state, event.at)
        run.due = None
        self._output(run, event)
        run.error = event.data.get("error")

    def apply_retrying(self, event: Event) -> None:
        """Fold an event of kind retrying."""
        run = self._run(event)
        attempt = run.attempts[-1]
        attempt.histories.append(Moment(State.FAILED, event.at))
        attempt.definite = event.data.get("definite", True)
        attempt.log_file = event.data.get("logFile")
        run.move(State.RETRYING, event.at)
        run.due = event.data["due"]
        run.error = event.data.get("error")

    def _output(self, run: TaskRun, event: Event) -> None:
        outputs = event.data.get("outputs")
        if outputs:
            run.outputs = {**run.outputs, **outputs} if run.outputs else outputs

    def apply_decided(self, event: Event) -> None:
        """Fold an event of kind decided."""
        run = self.task_runs[event.path]
        run.decision = event.data["decision"]
        self._output(run, event)

    def apply_paused(self, event: Event) -> None:
        """Fold an event of kind paused."""
        run = self.task_runs[event.path]
        run.move(State.PAUSED, event.at)
        run.due = event.data.get("due")
        then = event.data.get("then")
        run.then = State(then) if then else None

    def apply_resumed(self, event: Event) -> None:
        """Fold an event of kind resumed."""
        run = self.task_runs[event.path]
        run.move(State.RUNNING, event.at)
        run.due = None
        run.decision = event.data["decision"]
        self._output(run, event)


_FOLDS: dict[Kind, Callable[[Execution, Event], None]] = {
    Kind.MOVED: Execution.apply_moved,
    Kind.STARTED: Execution.apply_started,
    Kind.ENDED: Execution.apply_ended,
    Kind.RETRYING: Execution.apply_retrying,
    Kind.DECIDED: Execution.apply_decided,
    Kind.PAUSED: Execution.apply_paused,
    Kind.RESUMED: Execution.apply_resumed,
    Kind.LABELLED: Execution.apply_labelled,
    Kind.VARIABLES: Execution.apply_variables,
    Kind.WROTE: Execution.apply_wrote,
    Kind.DROPPED: Execution.apply_dropped,
    Kind.RESTARTED: Execution.apply_restarted,
}


def _of_before(run: TaskRun) -> Any:
    """Return what a new attempt knows of the decision of the one before: its value, as `before`.

    Only after a restart; a retry begins with nothing.
    """
    decision = run.decision
    if run.state is not State.RESTARTED or not isinstance(decision, dict):
        return None
    value = decision.get("value", decision.get("before"))
    return None if value is None else {"before": value}


def _follows_the_end(event: Event) -> bool:
    """Whether an event may come after the end: a restart, labels, a state set by hand."""
    if event.kind is Kind.MOVED:
        return event.to is State.RESTARTED or bool(event.data.get("forced"))
    return event.kind in _AFTER_THE_END


_AFTER_THE_END = frozenset({Kind.RESTARTED, Kind.LABELLED})
