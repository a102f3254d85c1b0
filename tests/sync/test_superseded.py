"""A commit that is no longer the newest gives way, and makes its revisions all the same."""

from collections.abc import Callable

from app.db.records import SyncRun
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path


async def synced(rig: Rig, cause: str) -> SyncRun:
    run = await rig.sync.sync(cause=cause)
    assert run is not None
    return run


def pushing(scratch: Scratch, times: int) -> Callable[[], bool]:
    """Return what says that another run waits, for a push that comes just then."""
    left = iter(range(10, 10 + times))

    def asked() -> bool:
        number = next(left, None)
        if number is not None:
            scratch.commit({path("a"): flow("a", str(number))})
        return True

    return asked


async def test_the_newer_commit_becomes_active(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    scratch.commit({path("a"): flow("a", "2")})
    rig.sync.main.parts.asked = pushing(scratch, 1)
    run = await synced(rig, "webhook")
    assert run.outcome == "SUPERSEDED"
    assert scratch.tip()[:12] in run.reason
    assert rig.runs("a").revision == 1
    ready = rig.sync.main.source.condition("Ready")
    assert ready is not None
    assert ready.status
    assert (await synced(rig, "webhook")).outcome == "SYNCED"
    assert await rig.states("a") == [
        (1, "commit", "superseded"), (2, "commit", "superseded"), (3, "commit", "active")
    ]  # fmt: skip


async def test_something_becomes_active_in_the_end(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig.sync.main.parts.asked = pushing(scratch, 100)
    outcomes = [(await synced(rig, "poll")).outcome for _ in range(5)]
    assert outcomes == ["SUPERSEDED"] * 3 + ["SYNCED", "NOOP"]


async def test_who_asked_for_it_or_wrote_it_gets_it(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path))
    for cause in ("manual", "write", "decision"):
        scratch.commit({path("a"): flow("a", cause)})
        rig.sync.main.parts.asked = pushing(scratch, 1)
        assert (await synced(rig, cause)).outcome == "SYNCED"


async def test_nothing_gives_way_where_nothing_is_newer(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig.sync.main.parts.asked = lambda: True
    assert (await synced(rig, "webhook")).outcome == "SYNCED"
