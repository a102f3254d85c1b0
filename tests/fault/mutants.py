"""Mutants: faults of what executions are to each other, by the promise that they break."""

from collections.abc import Callable

from tests.fault.history import Row
from tests.fault.landscape import History
from tests.fault.seeding import again, at, change, lose
from tests.fault.stories import START


def lose_what_was_acknowledged(h: History) -> None:
    h.created.add("gone")


def lose_a_kill(h: History) -> None:
    h.killed["l1"] = h.journals["l1"][-1].at


def lose_a_restart(h: History) -> None:
    h.restarts["f1"] = h.tried["f1"] = 2


def restart_by_itself(h: History) -> None:
    h.restarts.clear()
    h.tried.clear()


def fire_twice_for_a_date(h: History) -> None:
    again(h, "crowd1", "more")


def miss_a_date(h: History) -> None:
    lose(h, "crowd1")


def miss_the_last_dates(h: History) -> None:
    h.until = (START + 3) * 1_000_000


def fire_while_it_runs(h: History) -> None:
    late = h.journals["ticks1"]
    late[:] = [row._replace(at=row.at - 900_000) for row in late]


def start_a_listener_twice(h: History) -> None:
    again(h, "ticks0-0", "more")


def tell_no_listener(h: History) -> None:
    lose(h, "ticks0-0")


def tell_of_one_end_of_two(h: History) -> None:
    lose(h, "f1-1")


def leave_the_outbox_full(h: History) -> None:
    h.unheard = 1


def tell_of_an_unknown_execution(h: History) -> None:
    h.journals["ticks0-0"][0].data["trigger"]["variables"]["executionId"] = "nobody"


def join_twice(h: History) -> None:
    again(h, "joined", "more")
    h.journals["more"][0] = _about(h.journals["more"][0], "left")


def join_nothing(h: History) -> None:
    lose(h, "joined")


def join_what_is_no_pair(h: History) -> None:
    again(h, "joined", "more")
    h.journals["more"][0] = _about(h.journals["more"][0], "s1")


def _about(row: Row, execution: str, trigger: str = "both") -> Row:
    about = {"id": trigger, "variables": {"executionId": execution}}
    return row._replace(data={**row.data, "trigger": about})


def forget_what_comes_after(h: History) -> None:
    place = at(h, "l1", path="/z")
    del h.journals["l1"][place : place + 2]


def run_twice_what_comes_after(h: History) -> None:
    rows = h.journals["l1"]
    rows[-1:-1] = [row for row in rows if row.path == "/z"]


def run_before_the_end_what_comes_after(h: History) -> None:
    rows = h.journals["l1"]
    end, place = at(h, "l1", "SUCCESS"), at(h, "l1", path="/z")
    rows[end : place + 2] = [*rows[place : place + 2], rows[end]]


def renew_nothing(h: History) -> None:
    lose(h, "r2", "r2-0")


def renew_twice(h: History) -> None:
    again(h, "r2", "r3")
    again(h, "r2-0", "r3-0")
    h.journals["r3-0"][0] = _about(h.journals["r3-0"][0], "r3", "renewing")


def let_three_run(h: History) -> None:
    change(h, "l3", at(h, "l3", "RUNNING"), at=h.journals["l1"][2].at + 1)


def keep_a_slot(h: History) -> None:
    h.held.append("l1")


def go_on_after_the_kill(h: History) -> None:
    change(h, "l2", at(h, "l2", path="/a"), at=h.journals["l2"][-1].at)


def go_on_after_the_kill_of_the_caller(h: History) -> None:
    rows = h.journals["i1"]
    end = rows[-1]._replace(to="KILLED", data={"after": True})
    over = end._replace(version=len(rows), origin="KILLED", to=None, data={"after": False})
    rows[-1:] = [end, over._replace(at=end.at + 1_000_000)]
    h.stored["i1"] = h.stored["i1"]._replace(state="KILLED", version=len(rows))
    h.killed["i1"] = rows[0].at


def go_on_after_a_kill_that_was_cut_short(h: History) -> None:
    go_on_after_the_kill_of_the_caller(h)
    h.killed.clear()
    change(h, "i1", -1, at=h.journals["i1"][0].at)


def turn_once_more(h: History) -> None:
    rows = h.journals["p1"]
    rows[-1:-1] = [row for row in rows if row.path == "/loop[2]/call"]


def start_an_item_twice(h: History) -> None:
    again(h, "i1-1", "more")


def leave_an_item_out(h: History) -> None:
    lose(h, "i1-1")


def succeed_in_spite_of_an_item(h: History) -> None:
    change(h, "i1-1", -1, to="FAILED")
    h.stored["i1-1"] = h.stored["i1-1"]._replace(state="FAILED")


def end_too_early(h: History) -> None:
    change(h, "h1", -1, at=h.journals["h1"][0].at + 1)


def ignore_a_service_level(h: History) -> None:
    change(h, "h1", -1, to="SUCCESS")
    h.stored["h1"] = h.stored["h1"]._replace(state="SUCCESS")


def leave_a_process(h: History) -> None:
    h.orphans.append("sleep")


def leave_a_directory(h: History) -> None:
    h.directories.append("s1")


def fail_for_no_reason(h: History) -> None:
    change(h, "s1", -1, to="FAILED")
    h.stored["s1"] = h.stored["s1"]._replace(state="FAILED")


MUTANTS: dict[str, list[Callable[[History], None]]] = {
    "L1": [lose_what_was_acknowledged, lose_a_kill, lose_a_restart, restart_by_itself],
    "T1": [fire_twice_for_a_date, start_a_listener_twice, tell_no_listener, tell_of_one_end_of_two,
           tell_of_an_unknown_execution, join_twice, join_nothing, join_what_is_no_pair],
    "T2": [miss_a_date, miss_the_last_dates, leave_the_outbox_full],
    "D7": [fire_while_it_runs],
    "C1": [let_three_run, keep_a_slot],
    "K1": [go_on_after_the_kill, go_on_after_a_kill_that_was_cut_short,
           go_on_after_the_kill_of_the_caller],
    "D5": [forget_what_comes_after, run_twice_what_comes_after, run_before_the_end_what_comes_after,
           renew_nothing, renew_twice, turn_once_more, start_an_item_twice, leave_an_item_out,
           succeed_in_spite_of_an_item, end_too_early, ignore_a_service_level, leave_a_process,
           leave_a_directory, fail_for_no_reason],
}  # fmt: skip
