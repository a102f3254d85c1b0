"""A history as a good service writes it, made by hand: small, and with something of everything."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from app.executions import task_run_id
from tests.fault.history import TERMINAL, Row
from tests.fault.landscape import History, Stored

START = 1_700_000_000
"""The time (s) at which it all begins."""
_SECOND = 1_000_000


class Story:
    """The journal of one execution, row by row; states, numbers and times follow by themselves."""

    def __init__(self, execution: str, flow: str, at: float = 0, **data: Any) -> None:
        self.execution = execution
        self.rows: list[Row] = []
        self.at = int((START + at) * _SECOND)
        self._states: dict[str, str | None] = {}
        self._restarts = 0
        self._runs: dict[str, str] = {}
        self.keys: Counter[str] = Counter()
        self.add("created", "", "CREATED")
        self.rows[0].data.update(data, flow_id=flow)

    def add(
        self, kind: str, path: str = "", to: str | None = None, attempt: int = 0, **data: Any
    ) -> "Story":
        """Add a row, 0.1 s after the one before."""
        origin = self._states.get(path)
        for gone in data.get("dropped", ()):
            self._states.pop(gone, None)
            self._runs.pop(gone, None)
        self._states |= data.get("runs", {})
        self._restarts += kind == "restarted"
        delivery = 1 if attempt else 0
        row = Row(
            self.execution, len(self.rows), kind, path, origin, to, attempt, delivery, 1, data
        )
        self.rows.append(row._replace(at=self.at))
        self.at += _SECOND // 10
        if to is not None:
            self._states[path] = to
        return self

    def run(self, path: str, to: str = "SUCCESS", attempt: int = 1) -> "Story":
        """Run a task that makes a call."""
        number = task_run_id(self.execution, path, self._restarts)
        run = self._runs.setdefault(path, number)
        self.add("started", path, "RUNNING", attempt)
        self.keys[f"{self.execution}.{run}.{attempt}"] += 1
        return self.add("ended", path, to, outputs={"code": 201} if to == "SUCCESS" else {})

    def move(self, *states: str, **data: Any) -> "Story":
        """Move the execution through states; the data go with the last."""
        for state in states[:-1]:
            self.add("moved", "", state)
        return self.add("moved", "", states[-1], **data)

    def over(self) -> "Story":
        """End what runs after the end."""
        return self.add("moved", "", None, after=False)

    def copy(self, execution: str) -> "Story":
        """Begin a replay: the rows so far belong to another execution, too."""
        made = Story(execution, self.rows[0].data["flow_id"], parent_id=self.execution)
        made.rows += [row._replace(execution=execution) for row in self.rows[1:]]
        made._states = dict(self._states)
        made._restarts = self._restarts
        made._runs = {path: f"{path} of {execution}" for path in self._runs}
        made.at = self.at
        return made


def _simple(execution: str, flow: str, at: float = 0, **data: Any) -> Story:
    return Story(execution, flow, at, **data).move("RUNNING").run("/a").move("SUCCESS")


def _limited() -> list[Story]:
    first = Story("l1", "limited").move("RUNNING").run("/a").move("PAUSED", "RUNNING")
    first.move("SUCCESS", after=True).run("/z").over()
    second = Story("l2", "limited").move("RUNNING").run("/a")
    second.move("KILLING", "KILLED", after=True).run("/z").over()
    third = Story("l3", "limited").move("QUEUED")
    third.at = first.at
    third.move("RUNNING").run("/a").move("SUCCESS", after=True).run("/z").over()
    return [first, second, third]


def _flaky() -> list[Story]:
    first = Story("f1", "flaky").move("RUNNING").run("/a").run("/b", "FAILED").run("/f")
    first.move("FAILED", after=True).run("/z").over()
    dropped = ["/f", "/z"]
    first.add("restarted", "", "RESTARTED", runs={"/b": "RESTARTED"}, dropped=dropped)
    first.move("RUNNING").run("/b", attempt=2).run("/f")
    first.move("SUCCESS", after=True).run("/z").over()
    second = first.copy("f2")
    second.add("restarted", "", "RESTARTED", runs={"/b": "RESTARTED"}, dropped=dropped)
    second._runs["/b"] = task_run_id("f2", "/b")
    second.move("RUNNING").run("/b", attempt=3).run("/f")
    second.move("SUCCESS", after=True).run("/z").over()
    return [first, second]


def _renewing() -> list[Story]:
    first = Story("r1", "renewing").move("RUNNING").run("/b", "RETRIED").move("RETRIED", after=True)
    return [first.over(), _simple("r2", "renewing", parent_id="r1", attempt=2)]


def _items() -> list[Story]:
    parent = Story("i1", "items").move("RUNNING").add("started", "/each", "RUNNING")
    parent.add("ended", "/each", "SUCCESS").move("SUCCESS")
    caller = {"variables": {"executionId": "i1"}}
    return [
        parent,
        *(_simple(f"i1-{n}", "item", trigger=caller, inputs={"number": n}) for n in (1, 2, 3)),
    ]


def _others() -> list[Story]:
    polling = Story("p1", "polling").move("RUNNING")
    for turn in range(3):
        polling.run(f"/loop[{turn}]/call")
    hasty = Story("h1", "hasty").move("RUNNING").run("/a")
    hasty.at += _SECOND
    return [polling.move("SUCCESS"), hasty.move("CANCELLED"), _simple("s1", "shell")]


def _scheduled(flow: str) -> list[Story]:
    found = []
    for second in range(3):
        date = datetime.fromtimestamp(START + second, UTC).isoformat()
        trigger = {"id": flow, "variables": {"date": date}}
        found.append(_simple(f"{flow}{second}", flow, second, trigger=trigger))
    return found


def _heard(stories: list[Story]) -> list[Story]:
    found = []
    for story in stories:
        flow = story.rows[0].data["flow_id"]
        count = sum(not row.path and row.to in TERMINAL for row in story.rows)
        if flow not in ("ticks", "flaky", "renewing", "limited"):
            continue
        count -= 2 if story.execution == "f2" else 0
        trigger = {"id": flow, "variables": {"executionId": story.execution}}
        found += [_simple(f"{story.execution}-{n}", "heard", trigger=trigger) for n in range(count)]
    return found


def good_history() -> History:
    """Return a history in which nothing is wrong."""
    stories = [*_limited(), *_flaky(), *_renewing(), *_items(), *_others()]
    stories += [*_scheduled("ticks"), *_scheduled("crowd")]
    stories += [_simple("left", "left"), _simple("right", "right")]
    about = {"variables": {"executionId": "right"}}
    stories += [*_heard(stories), _simple("joined", "joined", trigger=about)]
    history = History({story.execution: story.rows for story in stories}, {})
    for story in stories:
        state = next(row.to for row in reversed(story.rows) if not row.path and row.to)
        history.stored[story.execution] = Stored(state, len(story.rows), 0)
        history.arrived += story.keys
    history.deliveries = {key: [1] for key in history.arrived}
    history.created = {"l1", "l2", "l3", "f1", "f2"}
    history.restarts, history.tried = Counter(f1=1), Counter(f1=1)
    history.killed, history.rounds = {"l2": (START + 60) * _SECOND}, [("left", "right")]
    history.until = (START + 2) * _SECOND
    return history
