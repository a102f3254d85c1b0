"""Redaction: what leaked is gone from the database, the storage and the copy, and stays gone."""

import asyncio

import pytest

from app.errors import Conflict, NotFound, Redacted
from app.git.mirror import Mirror
from app.sync.redaction import Redaction
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

SECRET = "hunter2-hunter2-hunter2"
KEY = ("main", "shop", "a")


def mirror_of(rig: Rig) -> Mirror:
    return rig.sync.main.parts.repository.mirror


async def redact(rig: Rig, revision: int) -> Redaction:
    return await rig.sync.redactions.redact(KEY, revision, reason="leaked", actor=ANN)


async def leaked(rig: Rig, scratch: Scratch) -> tuple[str, str]:
    """Leak a secret, force it away; return the commit and the blob that held it."""
    base = scratch.commit({path("a"): flow("a", "1")})
    bad = scratch.commit({path("a"): flow("a", SECRET)})
    await rig.outcome()
    blob = scratch.git("rev-parse", f"{bad}:{path('a')}")
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    await rig.outcome()
    return bad, blob


async def test_nothing_of_it_is_left(rig: Rig, scratch: Scratch) -> None:
    bad, blob = await leaked(rig, scratch)
    assert mirror_of(rig).objects.info(blob) is not None
    done = await redact(rig, 2)
    assert (done.blob, done.revisions, done.held_by) == (blob, ["main/shop.a@2"], [])
    assert len(done.dropped_refs) == 1
    assert mirror_of(rig).objects.info(blob) is None
    assert not mirror_of(rig).has(bad)
    assert await rig.states("a") == [
        (1, "commit", "superseded"), (2, "commit", "redacted"), (3, "commit", "active")
    ]  # fmt: skip
    revision = await rig.flows.find(*KEY, revision=2)
    for read in (rig.flows.load, rig.flows.source):
        with pytest.raises(Redacted):
            await read(revision)
    with pytest.raises(Conflict):
        await rig.sync.pin(*KEY, revision=2, reason="", actor=ANN)
    listed = await rig.flows.sources(await rig.history("a"))
    assert "redacted" in listed[blob]
    mirror_of(rig).verify()
    assert await rig.outcome() == "NOOP"


async def test_no_file_of_the_database_holds_it(rig: Rig, scratch: Scratch) -> None:
    _, blob = await leaked(rig, scratch)
    rows = await rig.database.fetch_sql("SELECT data FROM blob WHERE oid = ?", blob)
    packed = bytes(rows[0].data)
    await redact(rig, 2)
    await rig.stop()  # what was written ahead is in the file then
    data = await asyncio.to_thread((rig.folder / "headwater.sqlite").read_bytes)
    await rig.start()
    assert packed not in data


async def test_it_is_audited(rig: Rig, scratch: Scratch) -> None:
    _, blob = await leaked(rig, scratch)
    await redact(rig, 2)
    entry = next(each for each in await rig.audit.find() if each.action == "flow.redact")
    assert (entry.actor, entry.reason, entry.target) == ("Ann", "leaked", "flow/shop.a")
    assert entry.detail["blob"] == blob


async def test_what_runs_now_is_not_redacted(rig: Rig, scratch: Scratch) -> None:
    await leaked(rig, scratch)
    with pytest.raises(Conflict, match=r"runs now as shop\.a"):
        await redact(rig, 3)
    await rig.sync.pin(*KEY, revision=1, reason="", actor=ANN)
    with pytest.raises(Conflict, match=r"runs now as shop\.a"):
        await redact(rig, 1)
    with pytest.raises(NotFound):
        await redact(rig, 9)


async def test_what_another_flow_runs_is_not_redacted(rig: Rig, scratch: Scratch) -> None:
    await leaked(rig, scratch)
    scratch.commit({path("a", "sales"): flow("a", SECRET)})  # just what was forced away
    await rig.outcome()
    with pytest.raises(Conflict, match=r"runs now as sales\.a"):
        await redact(rig, 2)
    scratch.commit({path("a", "sales"): None, path("b", "sales"): flow("b")})
    await rig.outcome()
    done = await redact(rig, 2)
    assert done.revisions == ["main/sales.a@1", "main/sales.a@2", "main/shop.a@2"]
    assert await rig.states("a", "sales") == [(1, "commit", "redacted"), (2, "delete", "redacted")]
    assert done.held_by != []  # the branch itself: told, for it is not ours to rewrite
    scratch.commit({path("b", "sales"): flow("b", "2")})
    assert await rig.outcome() == "SYNCED"


async def test_it_does_not_come_back(rig: Rig, scratch: Scratch) -> None:
    _, blob = await leaked(rig, scratch)
    await redact(rig, 2)
    scratch.commit({path("a"): flow("a", SECRET)})
    run = await rig.sync.sync(cause="webhook")
    assert run is not None
    assert (run.outcome, run.hold) == ("HELD", "REDACTED")
    assert path("a") in run.reason
    assert (await rig.active())["main/shop/a"] == flow("a", "3")
    assert (await rig.states("a"))[-1] == (4, "commit", "redacted")
    assert not await rig.database.fetch_sql("SELECT oid FROM blob WHERE oid = ?", blob)
    with pytest.raises(Conflict, match="cannot be approved"):
        await rig.sync.approvals.approve(run.id, ANN, "")
    scratch.commit({path("a"): flow("a", "5")})
    assert await rig.outcome() == "SYNCED"


async def test_nor_as_a_file(rig: Rig, scratch: Scratch) -> None:
    await leaked(rig, scratch)
    await redact(rig, 2)
    scratch.commit({"tenants/main/namespaces/shop/files/x.yaml": flow("a", SECRET)})
    run = await rig.sync.sync(cause="webhook")
    assert run is not None
    assert run.hold == "REDACTED"


async def test_nor_with_a_copy_that_is_fetched_anew(start: Start, scratch: Scratch) -> None:
    rig = await start(repo=str(scratch.path))
    scratch.commit({path("a"): flow("a", SECRET)})
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    blob = scratch.git("rev-parse", f"main~1:{path('a')}")
    done = await redact(rig, 1)
    assert done.held_by == ["refs/remotes/origin/main"]  # the forge's history is not ours
    await rig.stop()
    other = await start("other", repo=str(scratch.path))
    await other.outcome()
    await rig.start()
    scratch.commit({path("a"): flow("a", "3")})
    await rig.outcome()
    assert not await rig.database.fetch_sql("SELECT oid FROM blob WHERE oid = ?", blob)
    assert (await rig.states("a"))[0] == (1, "commit", "redacted")


async def test_redacting_once_more_after_the_history_was_rewritten(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", SECRET)})
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    assert (await redact(rig, 1)).held_by != []
    scratch.commit({path("a"): flow("a", "2")}, parents=[])
    await rig.outcome()
    done = await redact(rig, 1)
    assert (done.held_by, len(done.dropped_refs)) == ([], 1)
    assert mirror_of(rig).objects.info(done.blob) is None
