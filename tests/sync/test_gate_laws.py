"""Laws of the gate's pure parts, for any windows and any plan."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.config.git import WindowSettings
from app.db.activation import Activation
from app.db.records import ActiveFlow, FlowKey, Snapshot
from app.sync.gate import refusal
from app.sync.ownership import NamespaceKey
from app.sync.plan import Plan
from app.sync.windows import Window, Windows
from app.sync.withholding import withhold

MINUTE = 60_000_000
START = datetime(2026, 3, 1, tzinfo=UTC)
SHOP = ("main", "shop")

settings = st.builds(
    lambda kind, minute, hour, day, hours, minutes: WindowSettings(
        kind=kind,
        schedule=f"{minute} {hour} * * {day}",
        duration=f"PT{hours}H{minutes}M",
    ),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["0", "15", "*/20"]),
    st.sampled_from(["*", "3", "*/6", "22"]),
    st.sampled_from(["*", "MON", "SAT,SUN"]),
    st.integers(0, 30),
    st.integers(1, 59),
)
minutes = st.integers(0, 14 * 24 * 60)


def micros(minute: int) -> int:
    return int(START.timestamp() * 1_000_000) + minute * MINUTE


def opened_at(window: Window, minute: int) -> bool:
    """Whether the schedule says so, read field by field."""
    at = START + timedelta(minutes=minute)
    cron = window.cron
    return (
        at.minute in cron.minutes and at.hour in cron.hours and at.isoweekday() % 7 in cron.weekdays
    )


@given(settings, minutes)
def test_a_window_is_open_for_its_duration_after_each_date(
    spec: WindowSettings, minute: int
) -> None:
    window = Window.of(spec)
    length = int(window.duration.total_seconds() // 60)
    wanted = any(opened_at(window, minute - back) for back in range(length))
    assert window.is_open(START + timedelta(minutes=minute)) == wanted


@given(st.lists(settings, min_size=1, max_size=3), minutes)
def test_it_opens_at_the_first_time_that_is_not_closed(
    specs: list[WindowSettings], minute: int
) -> None:
    windows = Windows.of(specs)
    if windows.closed(SHOP, micros(minute)) is None:
        return
    opens = windows.opens([SHOP], micros(minute))
    end = 15 * 24 * 60 + minute if opens is None else (opens - micros(0)) // MINUTE
    if opens is not None:
        assert windows.closed(SHOP, opens) is None
        assert (opens - micros(0)) % MINUTE == 0
    for between in range(minute, min(end, minute + 3_000)):
        assert windows.closed(SHOP, micros(between)) is not None


names = st.tuples(
    st.sampled_from(["main", "acme"]),
    st.sampled_from(["shop", "sales", "eu"]),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz"),
)


def active_flow(key: FlowKey, *, deleted: bool = False, blob: str = "1") -> ActiveFlow:
    return ActiveFlow(key, 1, "c", "c", blob, "p", deleted)


def planned(before: set[FlowKey], after: set[FlowKey]) -> Plan:
    """Return the plan that makes `after` of `before`; what stays changes."""
    plan = Plan(Activation("main", 0))
    for key in sorted(before | after):
        gone = key not in after
        plan.activation.flows.append(active_flow(key, deleted=gone, blob="2"))
        plan.activation.states.append((key, 1, "active"))
        plan.keys.add(key)
        plan.deleted += gone
        plan.added += key not in before
        plan.changed += key in before and key in after
    places = {key[:2] for key in before | after}
    plan.activation.moved = [Snapshot(*each, "new", "tree", "active") for each in sorted(places)]
    return plan


@given(st.sets(names), st.sets(names))
def test_what_is_let_through_leaves_enough(before: set[FlowKey], after: set[FlowKey]) -> None:
    why = refusal(planned(before, after), active=before, root_missing=False)
    gone = before - after
    many = len(gone) > max(10, len(before) / 5)
    old, new = Counter(key[0] for key in before), Counter(key[0] for key in after)
    emptied = any(old[tenant] > 1 and not new[tenant] for tenant in old)
    assert (why is not None) == bool(gone and (many or emptied))
    missing = refusal(planned(before, after), active=before, root_missing=True)
    assert (missing is not None) == bool(gone)


@given(st.sets(names), st.sets(names), st.sets(names.map(lambda each: each[:2])))
def test_withholding_is_as_if_the_rest_were_all(
    before: set[FlowKey], after: set[FlowKey], kept: set[NamespaceKey]
) -> None:
    keys = kept & {key[:2] for key in before | after}
    plan = planned(before, after)
    active = {key: active_flow(key) for key in before}
    withhold(plan, keys, {}, active)
    rest = planned(
        {key for key in before if key[:2] not in keys},
        {key for key in after if key[:2] not in keys},
    )
    assert plan.activation.moved == rest.activation.moved
    assert plan.activation.flows == rest.activation.flows
    assert plan.keys == rest.keys
    counted = (plan.added, plan.changed, plan.deleted)
    assert counted == (rest.added, rest.changed, rest.deleted)
    assert {each[:2] for each in plan.activation.stayed} == keys
    waiting = {key for key in before | after if key[:2] in keys}
    assert {key for key, _, state in plan.activation.states if state == "held"} == waiting
