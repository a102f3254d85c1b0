"""Denials are noted by the minute: some of each kind, and how many more there were."""

from app.api.audit_quota import Quota

MINUTE = 60_000_000


def test_some_of_each_kind_are_noted() -> None:
    quota = Quota(2)
    assert [quota.ask("a", 0)[0] for _ in range(4)] == [True, True, False, False]
    assert quota.ask("b", 1) == (True, 2)


def test_the_next_minute_begins_anew_and_tells_what_was_missed() -> None:
    quota = Quota(1)
    quota.ask("a", 0)
    for _ in range(5):
        quota.ask("a", 1)
    assert quota.ask("a", MINUTE) == (True, 5)
    assert quota.ask("b", MINUTE) == (True, 0)


def test_many_kinds_do_not_fill_the_log_or_memory() -> None:
    quota = Quota(1)
    noted = sum(quota.ask(f"kind {number}", 0)[0] for number in range(20_000))
    assert noted == 100
