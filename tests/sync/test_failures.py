"""What goes wrong outside: remotes, branches, mirrors, settings. What ran goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.errors import NotFound, Unavailable
from app.sync import reconcile
from app.sync.conditions import Next, failure_of
from app.sync.model import SyncRun
from tests.git.scratch import Scratch
from tests.git.server import serving
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path, until


async def failed(rig: Rig) -> SyncRun:
    run = await rig.sync.sync()
    assert run is not None
    assert run.outcome == "FAILED"
    return run


def told(rig: Rig) -> dict[str, tuple[bool, str]]:
    return {each.type: (each.status, each.reason) for each in rig.sync.main.source.conditions}


async def test_a_branch_that_was_deleted(rig: Rig, scratch: Scratch) -> None:
    commit = scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    scratch.git("update-ref", "-d", "refs/heads/main")
    run = await failed(rig)
    assert run.reason.startswith("RefNotFound: ")
    assert "no branch or tag 'main'" in run.reason
    assert told(rig)["Stalled"] == (True, "RefNotFound")
    assert told(rig)["Ready"] == (False, "RefNotFound")
    assert rig.runs("a").commit == commit
    scratch.git("update-ref", "refs/heads/main", commit)
    assert await rig.outcome() == "NOOP"
    assert told(rig)["Ready"] == (True, "Synced")
    assert told(rig)["Stalled"][0] is False


async def test_a_tag_may_be_followed(start: Start, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a", "1")})
    scratch.git("tag", "-a", "-m", "one", "v1", first)
    scratch.commit({path("a"): flow("a", "2")})
    rig = await start(repo=str(scratch.path), ref="v1")
    assert rig.runs("a").commit == first
    assert await rig.outcome() == "NOOP"
    scratch.git("tag", "-f", "-a", "-m", "two", "v1", "main")
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("a").revision == 2


async def test_credentials_that_are_refused(start: Start, scratch: Scratch, tmp_path: Path) -> None:
    scratch.commit({path("a"): flow("a")})
    with serving(tmp_path / "served") as server:
        rig = await start(repo=server.url("acme.git"), username="ann", token="wrong-secret")
        run = (await rig.sync.runs())[0]
        assert run.outcome == "FAILED"
        assert told(rig)["Stalled"] == (True, "AuthFailed")
        assert "wrong-secret" not in run.reason


async def test_a_remote_that_is_down_comes_back(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    with serving(tmp_path / "served") as server:
        rig = await start(repo=server.url("acme.git"), username="ann", token="s3cret-token")
        server.status = 503
        run = await failed(rig)
        assert run.reason.startswith("RemoteUnreachable: ")
        assert told(rig)["Reconciling"] == (True, "Retrying")
        assert told(rig)["Stalled"][0] is False
        assert rig.runs("a").revision == 1
        scratch.commit({path("a"): flow("a", "2")})
        server.status = None
        await until(lambda: rig.runs("a").revision == 2)  # by itself: the poll is an hour away


async def test_a_node_starts_while_its_remote_is_down(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    with serving(tmp_path / "served") as server:
        rig = await start(repo=server.url("acme.git"), username="ann", token="s3cret-token")
        await rig.stop()
        server.silent = True
        await asyncio.wait_for(rig.start(), 20)  # not held up by its remote
        assert rig.runs("a").revision == 1
        server.silent = False


async def test_a_mirror_that_was_damaged_is_made_anew(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    await rig.stop()
    mirror = next(rig.folder.glob("git/*.git"))
    for pack in mirror.glob("objects/**/*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(b"damaged")
    await rig.start()
    scratch.commit({path("a"): flow("a", "2")})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("a").revision == 2


@pytest.mark.parametrize(
    ("git", "said"),
    [
        ({"repo": "/no/such/folder"}, "no repository at"),
        ({"repo": "ftp://example.org/x"}, "https or ssh"),
        ({"repo": "https://ann:pass@example.org/x"}, "carries credentials"),
    ],
)
async def test_settings_that_cannot_work(start: Start, git: dict[str, str], said: str) -> None:
    rig = await start(**git)
    run = (await rig.sync.runs())[0]
    assert run.outcome == "FAILED"
    assert said in run.reason
    assert told(rig)["Stalled"] == (True, "InvalidSource")
    with pytest.raises(Unavailable):
        await rig.sync.put_flow("main", None, None, flow("a", "1", "shop").decode(),
                                actor=("Ann", ""))  # fmt: skip


async def test_a_path_needs_leave_in_production(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), allow_file_protocol=False)
    assert "allow_file_protocol" in (await rig.sync.runs())[0].reason
    dev = await start("dev", repo=str(scratch.path), allow_file_protocol=False, mode="dev")
    assert dev.runs("a").revision == 1


async def test_an_error_that_nobody_foresaw(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit({path("a"): flow("a")})

    async def breaks(*_: object) -> None:
        raise ZeroDivisionError("oh")

    phases = tuple((name, breaks if name == "LOAD" else phase) for name, phase in reconcile.PHASES)
    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "PHASES", phases)
        run = await failed(rig)
    assert run.reason == "Failed: ZeroDivisionError: oh"
    assert set(run.phases) == {"RESOLVE", "FETCH", "VERIFY", "DIFF", "LOAD"}
    await until(lambda: rig.flows.in_git("main", "shop", "a"))


async def test_progress_is_told_while_a_run_goes_on(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = scratch.commit({path("a"): flow("a")})
    seen: list[tuple[bool, str, str]] = []
    phases = dict(reconcile.PHASES)

    async def looks(*arguments: Any) -> None:
        await phases["LOAD"](*arguments)
        for source in (rig.sync.main.source, *await rig.sync.sources()):
            found = source.condition("Reconciling")
            assert found is not None
            seen.append((found.status, found.reason, found.message))

    changed = tuple((name, looks if name == "LOAD" else phase) for name, phase in phases.items())
    monkeypatch.setattr(reconcile, "PHASES", changed)
    await rig.outcome()
    assert seen == [(True, "Progressing", f"commit {commit}")] * 2
    assert told(rig)["Reconciling"] == (False, "Idle")


async def test_runs_and_sources_are_found(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    run = await rig.sync.sync()
    assert run is not None
    assert await rig.sync.run(run.id) == run
    assert run.counts["added"] == 1
    assert set(run.phases) == {name for name, _ in reconcile.PHASES}
    with pytest.raises(NotFound):
        await rig.sync.run("none")
    with pytest.raises(NotFound):
        await rig.sync.sync("other")
    (source,) = await rig.sync.sources()
    assert source == rig.sync.main.source
    assert source.last_applied == source.last_seen == source.last_attempted == scratch.tip()
    assert await rig.sync.sync(wait=False) is None


async def test_the_list_of_runs_is_bounded(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_KEPT_RUNS", 3)
    scratch.commit({path("a"): flow("a")})
    for _ in range(6):
        await rig.outcome()
    assert len(await rig.sync.runs()) <= 4


async def test_who_waits_is_told_of_the_end(rig: Rig, scratch: Scratch) -> None:
    waiting = rig.sync.main.follower.wake("manual")
    await rig.sync.stop()
    with pytest.raises(Unavailable, match="stops"):
        await waiting
    await rig.sync.start()


def test_errors_are_classed() -> None:
    assert failure_of(ValueError("x")).next is Next.RETRY
    assert failure_of(NotFound("y")).message == "y"
