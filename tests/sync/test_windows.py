"""Freeze windows: when commits may become active."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from app.config.git import WindowSettings
from app.db.records import SyncRun
from app.errors import BadRequest, Conflict
from app.sync.windows import Windows
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path, until

SHOP = ("main", "shop")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def window(kind: str, schedule: str, duration: str, **more: object) -> WindowSettings:
    return WindowSettings.model_validate(
        {"kind": kind, "schedule": schedule, "duration": duration, **more}
    )


NIGHT = window("deny", "0 22 * * *", "PT8H", reason="nobody is there", manual=False)
OFFICE = window("allow", "0 9 * * MON-FRI", "PT8H")


@pytest.mark.parametrize(
    ("windows", "time", "closed"),
    [
        ([], "2026-03-02 23:00", False),
        ([NIGHT], "2026-03-02 21:59:59", False),
        ([NIGHT], "2026-03-02 22:00", True),
        ([NIGHT], "2026-03-03 05:59:59", True),
        ([NIGHT], "2026-03-03 06:00", False),
        ([OFFICE], "2026-03-02 08:59", True),
        ([OFFICE], "2026-03-02 09:00", False),
        ([OFFICE], "2026-03-02 17:00", True),
        ([OFFICE], "2026-03-07 12:00", True),  # a Saturday
        ([OFFICE, window("allow", "0 12 * * SAT", "PT1H")], "2026-03-07 12:30", False),
        ([OFFICE, window("deny", "0 12 * * *", "PT1H")], "2026-03-02 12:30", True),
        ([window("deny", "0 12 * * *", "P2D")], "2026-03-02 11:00", True),  # they overlap
    ],
)
def test_open_and_closed(windows: Sequence[WindowSettings], time: str, *, closed: bool) -> None:
    assert (Windows.of(windows).closed(SHOP, at(time)) is not None) == closed


def test_a_window_has_its_own_clock() -> None:
    paris = Windows.of([window("deny", "0 22 * * *", "PT2H", timezone="Europe/Paris")])
    assert paris.closed(SHOP, at("2026-01-15 20:59")) is None
    assert paris.closed(SHOP, at("2026-01-15 21:00")) is not None  # winter: UTC+1
    assert paris.closed(SHOP, at("2026-07-15 20:00")) is not None  # summer: UTC+2
    assert paris.closed(SHOP, at("2026-07-15 22:00")) is None


def test_namespaces_and_hands() -> None:
    found = Windows.of([
        window("deny", "* * * * *", "PT1H", namespaces=["shop*"]),
        window("deny", "* * * * *", "PT1H", namespaces=["acme/sales"], manual=False),
    ])  # fmt: skip
    now = at("2026-03-02 12:00")
    shop, sales = found.closed(("main", "shop.eu"), now), found.closed(("acme", "sales"), now)
    assert shop is not None
    assert shop.by_hand
    assert sales is not None
    assert not sales.by_hand
    assert found.closed(("main", "sales"), now) is None


def test_every_window_in_the_way_has_to_let_a_hand_pass() -> None:
    strict = window("deny", "0 12 * * *", "PT1H", manual=False)
    easy = window("deny", "0 12 * * *", "PT2H")
    both = Windows.of([easy, strict])
    closed = both.closed(SHOP, at("2026-03-02 12:30")), both.closed(SHOP, at("2026-03-02 13:30"))
    assert [each and each.by_hand for each in closed] == [False, True]


@pytest.mark.parametrize(
    ("windows", "time", "opens"),
    [
        ([NIGHT], "2026-03-02 23:00", "2026-03-03 06:00"),
        ([OFFICE], "2026-03-06 18:00", "2026-03-09 09:00"),  # over the weekend
        ([OFFICE, window("deny", "0 8 * * *", "PT2H")], "2026-03-02 08:30", "2026-03-02 10:00"),
        ([window("allow", "0 0 29 2 *", "PT1H")], "2026-03-02 00:00", "2028-02-29 00:00"),
        (
            [window("allow", "0 0 1 1 *", "PT1H"), window("deny", "*/5 * * * *", "PT1M")],
            "2026-03-02 12:00",
            "2027-01-01 00:01",
        ),
        (
            [NIGHT, window("deny", "* * * * *", "PT1M", namespaces=("other",))],
            "2026-03-02 23:00",
            "2026-03-03 06:00",
        ),
        # A window's schedule is told by its own clock, its duration by any: Berlin, in March 2026.
        (
            [window("deny", "0 0 29 3 *", "PT4H", timezone="Europe/Berlin")],
            "2026-03-28 23:30",
            "2026-03-29 03:00",
        ),
    ],
)
def test_when_it_opens(windows: Sequence[WindowSettings], time: str, opens: str) -> None:
    assert Windows.of(windows).opens([SHOP], at(time)) == at(opens)


def test_one_that_never_opens() -> None:
    never = [window("deny", "* * * * *", "PT1H")]
    assert Windows.of(never).opens([SHOP], at("2026-03-02 12:00")) is None
    assert Windows.of([window("allow", "0 0 30 2 *", "PT1H")]).opens([SHOP], 0) is None


@pytest.mark.parametrize(
    "more",
    [
        {"schedule": "0 25 * * *"},
        {"schedule": "nonsense!"},
        {"timezone": "Middle/Earth"},
        {"duration": "PT0S"},
        {"duration": "P9999999D"},
        {"duration": "PT99999999999999999999S"},
    ],
)
def test_what_is_no_window_is_refused(more: dict[str, str]) -> None:
    given = {"kind": "deny", "schedule": "0 9 * * *", "duration": "PT1H", **more}
    with pytest.raises(BadRequest):
        Windows.of([WindowSettings.model_validate(given)])


class Moved:
    """A clock that runs, from a time of ours on."""

    def __init__(self, rig: Rig, start: int) -> None:
        self._clock = rig.clock
        self._offset = start - rig.clock.now()

    def now(self) -> int:
        moment: int = self._clock.now() + self._offset
        return moment

    def __getattr__(self, name: str) -> object:
        return getattr(self._clock, name)


async def polled(rig: Rig, cause: str = "poll") -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


async def moved(rig: Rig, start: str) -> None:
    """Start the service anew at another time."""
    await rig.stop()
    rig.clock = Moved(rig, at(start))
    await rig.start()


async def test_a_commit_waits_for_the_window_and_then_goes_by_itself(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path), windows=[NIGHT])
    await moved(rig, "2026-03-02 21:00")
    await polled(rig)
    with rig.clock.standing():
        await moved(rig, "2026-03-03 05:59:59.500")
        scratch.commit({path("a"): flow("a", "2")})
        run = await polled(rig, "manual")  # NIGHT lets no hand pass
        assert (run.outcome, run.hold) == ("HELD", "WINDOW")
        assert "nobody is there" in run.reason
        found = rig.sync.main.source.condition("Held")
        assert found is not None
        assert (found.status, found.reason) == (True, "Window")
        assert rig.runs("a").revision == 1
    await until(lambda: rig.runs("a").revision == 2)
    await polled(rig)  # which begins when the other one is over
    assert "window" in [each.cause for each in await rig.sync.runs()]


async def test_a_hand_may_pass(start: Start, scratch: Scratch) -> None:
    closed = window("deny", "* * * * *", "PT1H")
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), windows=[closed])
    assert await rig.active() == {}
    assert (await polled(rig, "webhook")).outcome in ("HELD", "NOOP")
    assert (await polled(rig, "manual")).outcome == "SYNCED"
    assert len(await rig.active()) == 1


async def test_an_approval_passes_a_closed_window(start: Start, scratch: Scratch) -> None:
    closed = window("deny", "* * * * *", "PT1H", manual=False)
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), windows=[closed])
    run = (await rig.sync.runs())[0]
    assert (run.outcome, run.hold) == ("HELD", "WINDOW")
    assert (await rig.sync.approvals.approve(run.id, ANN, "urgent")).outcome == "SYNCED"


async def test_only_some_namespaces_wait(start: Start, scratch: Scratch) -> None:
    closed = window("deny", "* * * * *", "PT1H", namespaces=["shop"], manual=False)
    scratch.commit({path("a"): flow("a"), path("b", "sales"): flow("b"), path("c"): b"no"})
    rig = await start(repo=str(scratch.path), windows=[closed], atomic="flow")
    run = (await rig.sync.runs())[0]
    assert (run.outcome, run.hold) == ("PARTIAL", "WINDOW")
    assert run.counts["added"] == 1
    assert list(await rig.active()) == ["main/sales/b"]
    scratch.commit({path("c"): None})
    run = await polled(rig)
    assert (run.outcome, run.hold) == ("HELD", "WINDOW")
    assert await rig.states("a") == [(1, "commit", "held")]
    assert (await rig.sync.approvals.approve(run.id, ANN, "")).outcome == "SYNCED"
    assert sorted(await rig.active()) == ["main/sales/b", "main/shop/a"]


async def test_a_whole_commit_waits_with_one_of_its_namespaces(
    start: Start, scratch: Scratch
) -> None:
    closed = window("deny", "* * * * *", "PT1H", namespaces=["shop"])
    scratch.commit({path("a"): flow("a"), path("b", "sales"): flow("b")})
    rig = await start(repo=str(scratch.path), windows=[closed], atomic="commit")
    assert (await rig.sync.runs())[0].outcome == "HELD"
    assert await rig.active() == {}


async def test_a_window_that_cannot_be_read_stalls_the_source(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), windows=[window("deny", "0 99 * * *", "PT1H")])
    run = (await rig.sync.runs())[0]
    assert (run.outcome, "InvalidSource" in run.reason) == ("FAILED", True)
    assert await rig.active() == {}


async def test_edits_are_by_hand_and_refused_before_they_are_made(
    start: Start, scratch: Scratch
) -> None:
    easy = window("deny", "* * * * *", "PT1H", namespaces=["shop"])
    strict = window("deny", "* * * * *", "PT1H", namespaces=["sales"], manual=False)
    tip = scratch.commit({"README.md": b"hello"})
    rig = await start(repo=str(scratch.path), edit_mode="push", windows=[easy, strict])
    with pytest.raises(Conflict, match="closed by window"):
        await rig.sync.put_flow("main", "sales", "a", flow("a").decode(), actor=ANN)
    assert scratch.tip() == tip
    made = await rig.sync.put_flow("main", "shop", "a", flow("a").decode(), actor=ANN)
    assert made.revision == 1
    scratch.commit({path("b"): flow("b")})  # somebody else's, below our next edit
    with pytest.raises(Conflict):
        await rig.sync.put_flow("main", "shop", "a", flow("a", "2").decode(), actor=ANN)
    assert list(await rig.active()) == ["main/shop/a"]


CALLING = b"""id: caller
tasks:
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: shop
    flowId: a
"""


async def test_who_needs_what_waits_waits_too(start: Start, scratch: Scratch) -> None:
    closed = window("deny", "* * * * *", "PT1H", namespaces=["shop"], manual=False)
    scratch.commit({
        path("a"): flow("a"), path("caller", "sales"): CALLING, path("c", "other"): flow("c")
    })  # fmt: skip
    rig = await start(repo=str(scratch.path), windows=[closed])
    run = (await rig.sync.runs())[0]
    assert (run.outcome, run.hold) == ("PARTIAL", "WINDOW")
    assert list(await rig.active()) == ["main/other/c"]
    assert (await rig.sync.approvals.approve(run.id, ANN, "")).outcome == "SYNCED"
    assert len(await rig.active()) == 3


async def test_all_of_it_may_wait_that_way(start: Start, scratch: Scratch) -> None:
    closed = window("deny", "* * * * *", "PT1H", namespaces=["shop"], manual=False)
    scratch.commit({path("a"): flow("a"), path("caller", "sales"): CALLING})
    rig = await start(repo=str(scratch.path), windows=[closed])
    assert (await rig.sync.runs())[0].outcome == "HELD"
    assert await rig.states("a") == [(1, "commit", "held")]
    assert await rig.states("caller", "sales") == [(1, "commit", "held")]
