"""A flow that a commit changed is watched, and rolled back by itself when it fails."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.db.sql import Write
from app.executions import execution_id
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

A = ("main", "shop", "a")
NAMESPACE = "tenants/main/namespaces/shop/namespace.yaml"
RELEASE = b"release: {watch: 30m, minExecutions: 4, maxFailureRate: 0.5, action: %s}\n"

_ADD = (
    "INSERT INTO execution (id, tenant, namespace, flow_id, revision, commit_sha, blob, state,"
    " version, created_at, ended_at, open, parked, labels)"
    " VALUES (?, ?, ?, ?, ?, '', '', ?, 1, ?, ?, 0, 0, '[]')"
)


class Late:
    """A clock that tests move on."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.more = 0

    def now(self) -> int:
        return int(self._clock.now()) + self.more


async def ran(rig: Rig, revision: int, states: Sequence[str]) -> None:
    """Let executions of a revision have ended."""
    now = rig.clock.now()
    rows = [(execution_id(), *A, revision, state, now, now) for state in states]
    await rig.database.submit([Write(_ADD, rows)])


async def released(rig: Rig, scratch: Scratch) -> int:
    """Change the flow, and return the revision that is watched."""
    scratch.commit({path("a"): flow("a", "new")})
    await rig.outcome()
    await rig.sync.reporter.settled()
    (watch,) = await rig.store.watches.open()
    return watch.revision


async def state(rig: Rig) -> str:
    return (await rig.store.watches.of_flow(A))[-1].state


@pytest.fixture
async def watched(start: Start, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a"), NAMESPACE: RELEASE % b"pin"})
    rig = await start(repo=str(scratch.path))
    rig.sync.releases.timing = None  # tests look for themselves
    return rig


async def test_a_release_that_fails_is_rolled_back(watched: Rig, scratch: Scratch) -> None:
    revision = await released(watched, scratch)
    await ran(watched, 1, ["FAILED"] * 9)  # another revision
    await ran(watched, revision, ["FAILED", "FAILED", "KILLED"])
    await watched.sync.releases.judge()
    assert await state(watched) == "watching", "too few have ended"
    await ran(watched, revision, ["FAILED", "SUCCESS", "RUNNING"])
    await watched.sync.releases.judge()
    assert await state(watched) == "rolled-back"
    assert watched.runs("a").revision == 1
    (pin,) = await watched.sync.pins()
    reason = "75% of 4 executions of revision 2 failed, more than 50%"
    assert (pin.actor, pin.reason, pin.until) == ("headwater", reason, "changed")
    (entry,) = await watched.audit.find(target="flow/shop.a")
    assert (entry.action, entry.actor) == ("flow.auto-rollback", "headwater")
    scratch.commit({path("a"): flow("a", "mended")})
    await watched.outcome()
    assert watched.runs("a").revision == 3


async def test_it_may_only_be_told(watched: Rig, scratch: Scratch) -> None:
    forge = MemoryForge()
    scratch.commit({NAMESPACE: RELEASE % b"alert"})
    revision = await released(watched, scratch)
    watched.sync.main.parts.forge = forge
    await ran(watched, revision, ["FAILED"] * 4)
    await watched.sync.releases.judge()
    assert (await state(watched), watched.runs("a").revision) == ("alerted", revision)
    (entry,) = await watched.audit.find(target="flow/shop.a")
    assert (entry.action, entry.detail) == ("release.alert", {"revision": 2, "previous": 1})
    check = forge.check_of(scratch.tip(), "headwater/main")
    assert check is not None
    assert check.state == "failure"
    assert check.title.startswith("shop.a fails: 100% of 4 executions")


async def test_one_that_goes_well_passes(watched: Rig, scratch: Scratch) -> None:
    revision = await released(watched, scratch)
    await ran(watched, revision, ["SUCCESS", "WARNING", "FAILED", "FAILED"])
    await watched.sync.releases.judge()
    assert await state(watched) == "watching", "half of them may fail"
    late = Late(watched.clock)
    watched.sync.releases._clock = late
    late.more = 1801 * 1_000_000
    await watched.sync.releases.judge()
    assert await state(watched) == "passed"
    await ran(watched, revision, ["FAILED"] * 9)
    await watched.sync.releases.judge()
    assert watched.runs("a").revision == revision


async def test_a_newer_release_is_watched_instead(watched: Rig, scratch: Scratch) -> None:
    await released(watched, scratch)
    scratch.commit({path("a"): flow("a", "newer")})
    await watched.outcome()
    await watched.sync.reporter.settled()
    states = [(each.revision, each.state) for each in await watched.store.watches.of_flow(A)]
    assert states == [(2, "superseded"), (3, "watching")]
    await watched.sync.rollback(*A, reason="", actor=ANN)
    await watched.sync.releases.judge()
    assert await state(watched) == "superseded", "somebody was faster"
    scratch.commit({path("b"): flow("b"), path("a"): None})
    await watched.outcome()
    await watched.sync.reporter.settled()
    assert await watched.store.watches.open() == [], "what is new or gone is not watched"


async def test_the_source_may_want_it(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(
        repo=str(scratch.path),
        release_watch_minutes=10,
        release_min_executions=2,
        release_max_failure_rate=0.0,
    )
    revision = await released(rig, scratch)
    await ran(rig, revision, ["SUCCESS", "FAILED"])
    await rig.sync.releases.judge()
    assert (await state(rig), rig.runs("a").revision) == ("rolled-back", 1)


async def test_without_a_word_nothing_is_watched(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path))
    scratch.commit({path("a"): flow("a", "new")})
    await rig.outcome()
    await rig.sync.reporter.settled()
    assert await rig.store.watches.of_flow(A) == []


async def test_a_restart_forgets_nothing(watched: Rig, scratch: Scratch) -> None:
    revision = await released(watched, scratch)
    await watched.restart()
    await ran(watched, revision, ["FAILED"] * 4)
    await watched.sync.releases.judge()
    assert await state(watched) == "rolled-back"


async def test_a_crash_after_a_commit_became_active_forgets_no_release(
    watched: Rig, scratch: Scratch
) -> None:
    watched.sync.reporter.stop()  # what is told from here on is heard by nobody
    scratch.commit({path("a"): flow("a", "new")})
    await watched.outcome()
    await watched.restart()
    await watched.outcome()
    await watched.sync.reporter.settled()
    (watch,) = await watched.store.watches.of_flow(A)
    assert (watch.revision, watch.previous, watch.state) == (2, 1, "watching")
    await ran(watched, 2, ["FAILED"] * 4)
    await watched.sync.releases.judge()
    assert (await state(watched), watched.runs("a").revision) == ("rolled-back", 1)
    await watched.restart()
    await watched.outcome()
    assert len(await watched.store.watches.of_flow(A)) == 1, "it is not watched once more"


async def test_the_commit_that_says_so_is_watched_and_the_one_that_ends_it_is_not(
    start: Start, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path))
    scratch.commit({path("a"): flow("a", "new"), NAMESPACE: RELEASE % b"pin"})
    await rig.outcome()
    assert [each.revision for each in await rig.store.watches.open()] == [2]
    scratch.commit({path("a"): flow("a", "newer"), NAMESPACE: None})
    await rig.outcome()
    assert await rig.store.watches.open() == []


@pytest.mark.parametrize("until", ["manual", "changed"])
async def test_a_pinned_flow_is_watched_once_its_pin_ends(
    watched: Rig, scratch: Scratch, until: str
) -> None:
    await watched.sync.pin(*A, revision=1, reason="", actor=ANN, until=until)
    scratch.commit({path("a"): flow("a", "new")})
    await watched.outcome()
    assert len(await watched.store.watches.open()) == (until == "changed")


async def test_a_look_before_the_release_is_seen_here_does_not_end_it(
    watched: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh = watched.flows.refresh

    async def looked_before(keys: Any = None) -> None:
        await watched.sync.releases.judge()
        await refresh(keys)

    monkeypatch.setattr(watched.flows, "refresh", looked_before)
    await released(watched, scratch)
    assert await state(watched) == "watching"


@pytest.mark.postgres
async def test_on_postgresql(start: Start, scratch: Scratch, postgres_database: str) -> None:
    scratch.commit({path("a"): flow("a"), NAMESPACE: RELEASE % b"pin"})
    rig = await start(url=postgres_database, repo=str(scratch.path))
    rig.sync.releases.timing = None
    revision = await released(rig, scratch)
    await ran(rig, revision, ["FAILED"] * 4)
    await rig.sync.releases.judge()
    assert (await state(rig), rig.runs("a").revision) == ("rolled-back", 1)
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until="manual")
    scratch.commit({path("a"): flow("a", "newer")})
    await rig.outcome()
    assert await rig.store.watches.open() == []
