"""The promises that a whole landscape can show broken, each as a check of its history.

Ids are those of the contract's invariants; where it has none they name the clause (D5, D7, D15).
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.fault.history import TERMINAL, Row
from tests.fault.landscape import History, ends
from tests.fault.promises_of_journals import effective, folded, lawful
from tests.fault.promises_of_triggers import heard, joined, patient, scheduled

LIMIT = 2
ALLOWED = 600_000
"""What the service level of `hasty` allows (µs)."""
_AFTER = "/z"

Check = Callable[[History], Iterator[str]]


def _state(rows: list[Row]) -> str | None:
    found = ends(rows)
    return found[-1].to if found else None


def faults(history: History) -> list[str]:
    """Return everything that is wrong."""
    return [fault for check in CHECKS for fault in check(history)]


# -- what was acknowledged --------------------------------------------------------------------


def kept(history: History) -> Iterator[str]:
    """L1: nothing acknowledged is lost."""
    lost = history.created - history.journals.keys()
    yield from (f"L1 {execution} was acknowledged and is lost" for execution in lost)
    for execution in history.killed.keys() & history.journals.keys():
        if not any(row.to == "KILLED" for row in history.journals[execution]):
            yield f"L1 the kill of {execution} was acknowledged and is lost"


def restarted(history: History) -> Iterator[str]:
    """L1: each restart acknowledged had its effect, and none happened by itself."""
    for execution, rows in history.of("flaky", "items"):
        own = history.own(rows)
        copied = own is not rows
        count = sum(row.kind == "restarted" for row in own) - copied
        least, most = history.restarts[execution], history.tried[execution]
        if not least <= count <= most:
            yield f"L1 {execution} restarted {count} times; {least} acknowledged, {most} tried"


# -- what follows, what is limited --------------------------------------------------------------


def after(history: History) -> Iterator[str]:
    """D5: what runs after the end ran exactly once; a restart may come before it."""
    for execution, rows in history.of("limited", "flaky"):
        ran: list[int] = []
        for row in history.own(rows):
            if not row.path and row.to in TERMINAL:
                ran.append(0)
            elif row.kind == "ended" and row.path == _AFTER:
                if not ran:
                    yield f"D5 {execution} ran {_AFTER} before its end"
                    continue
                ran[-1] += 1
        if not ran or ran[-1] != 1 or max(ran) > 1:
            yield f"D5 {execution} ran {_AFTER} {ran} times after its ends"


def renewed(history: History) -> Iterator[str]:
    """D5: exactly one execution takes the place of one that was RETRIED; of others none does."""
    successors: dict[str, list[int]] = {}
    for _, rows in history.of("renewing"):
        data = rows[0].data
        if "attempt" in data:
            successors.setdefault(data["parent_id"], []).append(data["attempt"])
    for execution, rows in history.of("renewing"):
        attempt = rows[0].data.get("attempt", 1)
        wanted = [attempt + 1] if _state(rows) == "RETRIED" else []
        if successors.pop(execution, []) != wanted:
            yield f"D5 {execution} has not the successors {wanted}"
    yield from (f"D5 {each} has successors, and nobody knows it" for each in successors)


def limited(history: History) -> Iterator[str]:
    """C1: never more executions at once than the limit, and no slot is left over."""
    moments: list[tuple[int, int, str]] = []
    for execution, rows in history.of("limited"):
        inside = False
        for row in rows:
            if row.path or row.to is None:
                continue
            now = row.to in ("RUNNING", "PAUSED")
            if now != inside:
                moments.append((row.at, 1 if now else -1, execution))
            inside = now
    count = 0
    for at, step, execution in sorted(moments):
        count += step
        if count > LIMIT:
            yield f"C1 {execution} is number {count} at {at}"
    yield from (f"C1 {execution} still has a slot" for execution in history.held)


def cascaded(history: History) -> Iterator[str]:
    """K1: after a kill nothing begins there, nor in what was started from there once it is over.

    It is over when somebody is told of it or, after a crash in between, when the journal says so.
    """
    reached: dict[str, int] = {}
    for caller, rows in history.of("items", "limited"):
        for row in ends(rows):
            if row.to == "KILLED":
                reached[caller] = min(_over(history, rows, row))
                yield from _begun(caller, rows, row.at, caller)
    for execution, rows in history.of("item"):
        caller = rows[0].data["trigger"]["variables"]["executionId"]
        if caller in reached:
            yield from _begun(execution, rows, reached[caller], caller)


def _over(history: History, rows: list[Row], killed: Row) -> Iterator[int]:
    """Yield when (µs) a kill was known to have reached everything."""
    if killed.execution in history.killed:
        yield history.killed[killed.execution]
    later = rows[killed.version :]
    yield next((row.at for row in later if row.data.get("after") is False), killed.at)


def _begun(execution: str, rows: list[Row], at: int, caller: str) -> Iterator[str]:
    if any(row.attempt and row.path != _AFTER and row.at > at for row in rows):
        yield f"K1 {execution} went on after the kill of {caller}"


def looped(history: History) -> Iterator[str]:
    """D5: a loop went on where it was: each of its three turns ran once."""
    for execution, rows in history.of("polling"):
        turns = [row.path for row in rows if row.kind == "ended" and row.path.endswith("/call")]
        if turns != [f"/loop[{number}]/call" for number in range(3)]:
            yield f"D5 {execution} had the turns {turns}"


def dealt(history: History) -> Iterator[str]:
    """D5: each item of a file has exactly one execution, and all of them decide on the whole."""
    numbers: dict[str, list[Any]] = {}
    failed: set[str] = set()
    for _, rows in history.of("item"):
        data = rows[0].data
        caller = data["trigger"]["variables"]["executionId"]
        numbers.setdefault(caller, []).append(data["inputs"]["number"])
        failed |= {caller} if _state(rows) != "SUCCESS" else set()
    for execution, rows in history.of("items"):
        if history.own(rows) is not rows:
            continue  # a replay may begin after its items
        if _state(rows) == "KILLED":
            continue
        if sorted(numbers.get(execution, [])) != [1, 2, 3]:
            yield f"D5 {execution} started executions for {numbers.get(execution)}"
        if (_state(rows) == "SUCCESS") == (execution in failed):
            yield f"D5 {execution} is {_state(rows)}, whatever its items are"


def levelled(history: History) -> Iterator[str]:
    """D5: what takes too long ends as its service level says, not before its time."""
    for execution, rows in history.of("hasty"):
        found = [(row.to, row.at - rows[0].at) for row in ends(rows)]
        if [state for state, _ in found] != ["CANCELLED"] or found[0][1] < ALLOWED:
            yield f"D5 {execution} ended as {found}"


def swept(history: History) -> Iterator[str]:
    """D5: nothing of a dead service is left: no process, no working directory."""
    yield from (f"D5 {process} outlived its service" for process in history.orphans)
    yield from (f"D5 the working directory of {each} is left" for each in history.directories)


def succeeded(history: History) -> Iterator[str]:
    """D5: where nothing can fail but by a crash, everything succeeds."""
    for execution, rows in history.of(
        "heard", "joined", "left", "right", "polling", "shell", "crowd", "ticks"
    ):
        if _state(rows) != "SUCCESS":
            yield f"D5 {execution} of {rows[0].data['flow_id']} ended as {_state(rows)}"


CHECKS: tuple[Check, ...] = (
    lawful, folded, effective, kept, restarted, scheduled, patient, heard, joined, after,
    renewed, limited, cascaded, looped, dealt, levelled, swept, succeeded,
)  # fmt: skip
