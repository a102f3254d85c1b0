"""Ids, paths, states and the fold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict
from app.executions import (
    ROOT,
    Event,
    Execution,
    Kind,
    State,
    child_path,
    execution_id,
    task_run_id,
)
from app.executions.states import TERMINAL, worst

FACTS = {
    "tenant": "main", "namespace": "n", "flow_id": "f", "revision": 1, "commit": "c", "blob": "b",
}  # fmt: skip


def created() -> Event:
    return Event(Kind.CREATED, 1, to=State.CREATED, data=dict(FACTS))


def test_ids_sort_by_time_and_have_22_characters() -> None:
    ids = [execution_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(each) for each in ids} == {22}
    assert ids[0][:6] <= ids[-1][:6]


@given(st.text(max_size=40), st.text(max_size=40))
def test_task_run_ids_are_stable_and_distinct(one: str, other: str) -> None:
    assert task_run_id("e", one) == task_run_id("e", one)
    assert (task_run_id("e", one) == task_run_id("e", other)) == (one == other)
    assert len(task_run_id("e", one)) == 22


def test_paths() -> None:
    loop = child_path(ROOT, "loop")
    assert child_path(loop, "call", 3) == "/loop[3]/call"
    assert child_path(loop, "call") == "/loop/call"


@given(st.lists(st.sampled_from(list(State))))
def test_the_worst_state_wins(states: list[State]) -> None:
    found = worst(states)
    for bad in (State.KILLED, State.FAILED, State.WARNING):
        if bad in states:
            assert found is bad
            return
    assert found is State.SUCCESS


def test_nothing_follows_the_end() -> None:
    execution = Execution.created("e", created())
    execution.apply(Event(Kind.MOVED, 2, to=State.SUCCESS))
    with pytest.raises(Conflict, match="has ended as SUCCESS"):
        execution.apply(Event(Kind.MOVED, 3, to=State.RUNNING))


def test_a_journal_begins_with_its_creation() -> None:
    with pytest.raises(Conflict):
        Execution.fold("e", [])
    with pytest.raises(Conflict):
        Execution.fold("e", [Event(Kind.MOVED, 2, to=State.RUNNING)])


KINDS = st.sampled_from([Kind.STARTED, Kind.ENDED, Kind.RETRYING, Kind.PAUSED])


@given(st.lists(st.tuples(st.sampled_from("abc"), KINDS), max_size=30))
def test_fold_of_a_prefix_is_what_was_when_it_was_all(drawn: list[tuple[str, Kind]]) -> None:
    """Folding is prefix-safe: applying on goes where folding from the start goes."""
    events = [created()]
    running: set[str] = set()
    for at, (task, kind) in enumerate(drawn):
        path = child_path(ROOT, task)
        if kind is Kind.STARTED:
            running.add(task)
            events.append(Event(kind, at, path, State.RUNNING, attempt=1, delivery=1,
                                data={"task": task}))  # fmt: skip
        elif task in running:
            to = {Kind.ENDED: State.SUCCESS, Kind.RETRYING: State.RETRYING}.get(kind, State.PAUSED)
            events.append(Event(kind, at, path, to, data={"due": at, "then": "RUNNING"}))
    stepwise = Execution.created("e", events[0])
    for number, event in enumerate(events[1:], 2):
        stepwise.apply(event)
        assert stepwise == Execution.fold("e", events[:number])
        assert stepwise.version == number


def test_terminal_states() -> None:
    assert {each.value for each in TERMINAL} == {
        "SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED",
    }  # fmt: skip
