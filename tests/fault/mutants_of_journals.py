"""Mutants: faults of single journals, by the invariant that they break."""

from collections.abc import Callable

from tests.fault.landscape import History
from tests.fault.seeding import append, at, change


def drop_an_event(h: History) -> None:
    del h.journals["s1"][2]


def leave_a_wrong_state(h: History) -> None:
    change(h, "s1", at(h, "s1", "SUCCESS", "/a"), origin="PAUSED")


def go_on_after_the_end(h: History) -> None:
    append(h, "s1", origin="SUCCESS", to="RUNNING")


def end_twice(h: History) -> None:
    append(h, "s1", origin="SUCCESS", to="FAILED")


def run_a_task_after_the_end(h: History) -> None:
    append(h, "s1", kind="started", path="/b", origin=None, to="RUNNING", attempt=1)


def never_end(h: History) -> None:
    h.journals["s1"].pop()


def never_finish_what_comes_after(h: History) -> None:
    h.journals["l1"].pop()


def restart_while_it_runs(h: History) -> None:
    rows = h.journals["f1"]
    del rows[at(h, "f1", "FAILED") : at(h, "f1", kind="restarted")]


def store_another_state(h: History) -> None:
    h.stored["s1"] = h.stored["s1"]._replace(state="RUNNING")


def leave_an_execution_open(h: History) -> None:
    h.stored["s1"] = h.stored["s1"]._replace(open=1)


def make_an_attempt_again_after_a_restart(h: History) -> None:
    restart = at(h, "f1", kind="restarted")
    place = next(
        number
        for number, row in enumerate(h.journals["f1"])
        if number > restart and row.path == "/b" and row.attempt
    )
    change(h, "f1", place, attempt=1)


def keep_the_key_of_what_runs_anew(h: History) -> None:
    restart = h.journals["f1"][at(h, "f1", kind="restarted")]
    restart.data["dropped"] = []


def call_without_an_attempt(h: History) -> None:
    key = next(key for key in h.arrived if key.startswith("s1.")) + "9"
    h.arrived[key], h.deliveries[key] = 1, [1]


def call_for_an_unknown_execution(h: History) -> None:
    h.arrived["nobody.x.1"], h.deliveries["nobody.x.1"] = 1, [1]


def send_a_key_twice(h: History) -> None:
    h.arrived[next(iter(h.arrived))] += 1


def send_a_later_delivery(h: History) -> None:
    h.deliveries[next(iter(h.arrived))] = [2]


def succeed_without_an_effect(h: History) -> None:
    del h.arrived[next(key for key in h.arrived if key.startswith("s1."))]


MUTANTS: dict[str, list[Callable[[History], None]]] = {
    "J1": [drop_an_event],
    "J2": [leave_a_wrong_state],
    "S1": [restart_while_it_runs],
    "S2": [go_on_after_the_end, end_twice, run_a_task_after_the_end,
           keep_the_key_of_what_runs_anew],
    "Q1": [never_end, never_finish_what_comes_after],
    "V1": [store_another_state, leave_an_execution_open],
    "A1": [make_an_attempt_again_after_a_restart],
    "F1": [call_without_an_attempt, call_for_an_unknown_execution, keep_the_key_of_what_runs_anew],
    "F2": [succeed_without_an_effect],
    "F3": [send_a_key_twice, send_a_later_delivery],
}  # fmt: skip
