"""Promises of every journal by itself: legal steps, one end, no attempt twice (J, S, A, F, V)."""

from collections.abc import Iterator

from app.executions import task_run_id
from tests.fault.history import TERMINAL, Row
from tests.fault.landscape import History


class _Line:
    """The states along one journal, with restarts and with what runs after an end."""

    def __init__(self) -> None:
        self.states: dict[str, str | None] = {}
        self.ended = self.after = False

    def wrong(self, number: int, row: Row) -> Iterator[str]:
        """Yield what is wrong with the next row."""
        name = f"{row.execution}@{row.version} {row.kind} {row.path} {row.to}"
        if row.version != number:
            yield f"J1 gap before {name}"
        if number and row.origin != self.states.get(row.path):
            yield f"J2 {name} leaves {row.origin}, was {self.states.get(row.path)}"
        if self.ended and not self._may_follow(row):
            yield f"S2 {name} after the end"
        if row.path and self.states.get(row.path) in TERMINAL:
            yield f"S2 {name} after the end of its task run"
        if row.kind == "restarted" and not self.ended:
            yield f"S1 {name} while it runs"

    def _may_follow(self, row: Row) -> bool:
        if row.kind == "restarted":
            return True
        return self.after and (bool(row.path) or row.to is None)

    def take(self, row: Row) -> None:
        """Move on by a row."""
        for path in [*row.data.get("dropped", ()), *row.data.get("paths", ())]:
            self.states.pop(path, None)
        if row.kind == "restarted":
            self.states.update(row.data["runs"])
            self.ended = self.after = False
        if row.to is not None:
            self.states[row.path] = row.to
        if not row.path and row.kind == "moved":
            self.ended = self.ended or row.to in TERMINAL
            self.after = row.data.get("after", self.after)


def lawful(history: History) -> Iterator[str]:
    """J1, J2, S1, S2, Q1: every journal is one line of legal steps to an end."""
    for execution, rows in history.journals.items():
        line = _Line()
        for number, row in enumerate(rows):
            yield from line.wrong(number, row)
            line.take(row)
        if not line.ended or line.after:
            yield f"Q1 {execution} ({rows[0].data['flow_id']}) has not ended"


def folded(history: History) -> Iterator[str]:
    """V1: the table of executions says what the journal says."""
    for execution, rows in history.journals.items():
        state = next(row.to for row in reversed(rows) if not row.path and row.to is not None)
        stored = history.stored.get(execution)
        if stored is None or tuple(stored) != (state, len(rows), 0):
            yield f"V1 {execution} is {state} at {len(rows)}, stored as {stored}"


class Attempts:
    """The attempts of a journal, by the key that their calls carry."""

    def __init__(self, history: History, execution: str) -> None:
        self.deliveries: dict[str, int] = {}
        self.again: list[str] = []
        """Keys of attempts that were made again after they had ended."""
        self.succeeded: list[str] = []
        """Beginnings of the keys of task runs that did what they called for."""
        self._execution = execution
        self._restarts = 0
        self._runs: dict[str, str] = {}
        self._running: dict[str, str] = {}
        self._over: set[str] = set()
        rows = history.journals[execution]
        own = history.own(rows)
        for row in rows[: len(rows) - len(own)]:
            self._name(row)
        for row in own:
            self._name(row)
            self._take(row)

    def _name(self, row: Row) -> None:
        """Give a task run its id when it first appears; a restart takes some out."""
        for path in [*row.data.get("dropped", ()), *row.data.get("paths", ())]:
            self._runs.pop(path, None)
            self._running.pop(path, None)
        self._restarts += row.kind == "restarted"
        if row.path and row.path not in self._runs:
            self._runs[row.path] = task_run_id(self._execution, row.path, self._restarts)

    def _take(self, row: Row) -> None:
        run = f"{self._execution}.{self._runs.get(row.path)}."
        if row.kind == "started" and row.attempt:
            key = f"{run}{row.attempt}"
            if key in self._over:
                self.again.append(f"{row.path} {key}")
            self._running[row.path] = key
            self.deliveries[key] = max(self.deliveries.get(key, 0), row.delivery)
        elif row.kind in ("ended", "retrying") and row.path in self._running:
            self._over.add(self._running.pop(row.path))
            if row.to == "SUCCESS" and row.data.get("outputs", {}).get("code"):
                self.succeeded.append(run)


def effective(history: History) -> Iterator[str]:
    """A1, F1, F2, F3: attempts are made once, and calls and the journal agree."""
    sent: dict[str, dict[str, int]] = {}
    for key, count in history.arrived.items():
        sent.setdefault(key.split(".")[0], {})[key] = count
    for execution in history.journals:
        attempts, arrived = Attempts(history, execution), sent.pop(execution, {})
        yield from (f"A1 {each} was made again after its end" for each in attempts.again)
        yield from _calls(attempts, arrived, history)
    yield from (f"F1 calls of {execution}, which nobody knows" for execution in sent)


def _calls(attempts: Attempts, arrived: dict[str, int], history: History) -> Iterator[str]:
    for key, count in arrived.items():
        most = attempts.deliveries.get(key)
        if most is None:
            yield f"F1 {key} arrived and has no journalled attempt"
        elif count > most or max(history.deliveries[key]) > most:
            yield f"F3 {key} arrived {count} times, {most} deliveries are journalled"
    for run in attempts.succeeded:
        if not any(key.startswith(run) for key in arrived):
            yield f"F2 {run} is SUCCESS and nothing arrived"
