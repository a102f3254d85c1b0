"""The history checker itself: every seeded fault of a history must be found."""

from collections.abc import Callable

import pytest

from app.executions import task_run_id
from tests.engine.harness import SERVICE, Engine, flow
from tests.fault.history import Row, broken, effects

SOURCE = """
    id: checked
    tasks:
      - id: a
        type: test.Effect
        name: checked
        fail: 1
        retry: {type: constant, interval: PT0.001S, maxAttempts: 3}
      - {id: b, type: core.debug.Return, format: "x"}
"""


class History:
    """A good history, for mutants to spoil."""

    def __init__(self, rows: list[Row], ids: dict[str, str], sent: list[str]) -> None:
        self.rows = rows
        self.ids = ids
        self.sent = dict.fromkeys(sent, 1)
        self.deliveries = {key: [1] for key in sent}

    def faults(self) -> list[str]:
        found = list(broken(self.rows))
        return found + list(effects(self.rows, self.ids, self.sent, self.deliveries))

    def find(self, kind: str, path: str = "/a", nth: int = 0) -> int:
        found = [i for i, row in enumerate(self.rows) if row.kind == kind and row.path == path]
        return found[nth]


@pytest.fixture
async def history() -> History:
    SERVICE.failures.clear()
    async with Engine(flow(SOURCE)) as engine:
        execution = await engine.run()
    rows = [
        Row(execution.id, number, event.kind.value, event.path,
            event.origin.value if event.origin else None, event.to.value if event.to else None,
            event.attempt, event.delivery, 1, event.data)
        for number, event in enumerate(engine.journal.events[execution.id])
    ]  # fmt: skip
    ended = next(row for row in rows if row.kind == "ended" and row.path == "/a")
    ended.data["outputs"]["code"] = 201
    ids = {task_run_id(execution.id, path): path for path in ("/a", "/b")}
    keys = [key for key in SERVICE.keys("checked") if key.startswith(execution.id)]
    return History(rows, ids, keys)


def drop_an_event(h: History) -> None:
    del h.rows[h.find("started")]


def repeat_an_event(h: History) -> None:
    h.rows.insert(h.find("started"), h.rows[h.find("started")])


def leave_a_wrong_state(h: History) -> None:
    at = h.find("ended")
    h.rows[at] = h.rows[at]._replace(origin="PAUSED")


def go_on_after_the_end(h: History) -> None:
    last = h.rows[-1]
    h.rows.append(last._replace(version=last.version + 1, origin=last.to, to="RUNNING"))


def end_twice(h: History) -> None:
    last = h.rows[-1]
    h.rows.append(last._replace(version=last.version + 1, origin=last.to, to="FAILED"))


def never_end(h: History) -> None:
    del h.rows[-1]


def run_an_ended_task_again(h: History) -> None:
    again = h.rows[h.find("started")]._replace(version=len(h.rows) - 1, origin="SUCCESS")
    end = h.rows.pop()
    h.rows += [again, end._replace(version=len(h.rows) + 1)]


def call_without_a_journalled_attempt(h: History) -> None:
    key = next(iter(h.sent)).rsplit(".", 1)[0] + ".9"
    h.sent[key], h.deliveries[key] = 1, [1]


def call_for_an_unknown_task_run(h: History) -> None:
    key = f"{h.rows[0].execution}.nobody.1"
    h.sent[key], h.deliveries[key] = 1, [1]


def send_a_key_twice(h: History) -> None:
    h.sent[next(iter(h.sent))] += 1


def send_a_later_delivery(h: History) -> None:
    h.deliveries[next(iter(h.sent))] = [2]


def succeed_without_an_effect(h: History) -> None:
    h.sent.clear()


MUTANTS = [
    drop_an_event, repeat_an_event, leave_a_wrong_state, go_on_after_the_end, end_twice, never_end,
    run_an_ended_task_again, call_without_a_journalled_attempt, call_for_an_unknown_task_run,
    send_a_key_twice, send_a_later_delivery, succeed_without_an_effect,
]  # fmt: skip


async def test_a_good_history_has_no_faults(history: History) -> None:
    assert history.faults() == []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_spoilt_history_is_found(
    history: History, mutant: Callable[[History], None]
) -> None:
    mutant(history)
    assert history.faults()
