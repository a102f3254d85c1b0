"""Force pushes: the tip is followed, nothing that ran vanishes."""

from itertools import pairwise

import pytest

from app.errors import NotFound
from app.git.mirror import Mirror
from app.git.refs import KEEP
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path


async def test_what_history_does_not_explain_is_a_reset(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1")})
    lost = scratch.commit({path("a"): flow("a", "2"), path("c"): flow("c")})
    await rig.outcome()
    new = scratch.commit({path("b"): flow("b", "2")}, parents=[base])
    run = await rig.sync.sync()
    assert run is not None
    assert (run.outcome, run.new_commit) == ("SYNCED", new)
    assert "history was rewritten" in run.reason
    assert lost[:12] in run.reason
    assert await rig.active() == {"main/shop/a": flow("a", "1"), "main/shop/b": flow("b", "2")}
    kinds = [(each.revision, each.kind, each.commit) for each in await rig.history("a")]
    assert kinds == [(1, "commit", base), (2, "commit", lost), (3, "reset", new)]
    assert [each.kind for each in await rig.history("b")] == ["commit", "commit"]
    assert [each.kind for each in await rig.history("c")] == ["commit", "delete"]


async def test_lost_commits_stay_readable(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    lost = scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    scratch.commit({path("a"): flow("a", "3")}, parents=[base])
    await rig.outcome()
    scratch.git("gc", "--prune=now", "--quiet")
    loaded = await rig.flows.at("main", "shop", "a", commit=lost[:10])
    assert (loaded.revision.revision, loaded.source) == (2, flow("a", "2").decode())
    mirror = _mirror(rig)
    assert list(mirror.refs.below(KEEP).values()) == [lost]


def _mirror(rig: Rig) -> Mirror:
    origin = rig.sync.main.parts.origin
    assert origin is not None
    return origin.mirror


async def test_going_back_and_forth(rig: Rig, scratch: Scratch) -> None:
    commits = [scratch.commit({path("a"): flow("a", str(n)), path("x"): flow("x")})
               for n in range(4)]  # fmt: skip
    await rig.outcome()
    for chosen in (1, 3, 0, 3, 2):
        scratch.git("update-ref", "refs/heads/main", commits[chosen])
        await rig.outcome()
        assert (await rig.active())["main/shop/a"] == flow("a", str(chosen))
        assert rig.runs("a").commit == commits[chosen]
    new = scratch.commit({path("x"): flow("x", "new")})
    await rig.outcome()
    revisions = await rig.history("a")
    assert [each.revision for each in revisions] == list(range(1, len(revisions) + 1))
    assert [each.kind for each in revisions[4:]] == ["reset"] * 5
    assert all(one.blob != other.blob for one, other in pairwise(revisions))
    for number, commit in enumerate(commits):
        loaded = await rig.flows.at("main", "shop", "a", commit=commit)
        assert loaded.source == flow("a", str(number)).decode()
    assert (await rig.flows.at("main", "shop", "a", commit=new)).source == flow("a", "2").decode()
    assert len(await rig.history("x")) == 2


async def test_unrelated_history(rig: Rig, scratch: Scratch) -> None:
    old = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b")})
    await rig.outcome()
    scratch.commit({path("a"): flow("a", "2")}, parents=[])
    await rig.outcome()
    assert await rig.active() == {"main/shop/a": flow("a", "2")}
    assert (await rig.flows.at("main", "shop", "b", commit=old)).revision.revision == 1
    with pytest.raises(NotFound):
        await rig.flows.at("main", "shop", "b", commit="0" * 40)


async def test_a_lost_mirror_and_a_rewritten_history(scratch: Scratch, start: Start) -> None:
    rig = await start(repo=str(scratch.path))
    base = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b")})
    lost = scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    await rig.stop()
    mirror = next(rig.folder.glob("git/*.git"))
    mirror.rename(mirror.with_suffix(".gone"))
    scratch.commit({path("a"): flow("a", "3"), path("b"): None}, parents=[base])
    scratch.git("gc", "--prune=now", "--quiet")
    await rig.start()
    await rig.outcome()
    assert await rig.active() == {"main/shop/a": flow("a", "3")}
    assert [each.revision for each in await rig.history("a")] == [1, 2, 3]
    assert await rig.states("b") == [(1, "commit", "superseded"), (2, "delete", "active")]
    assert (await rig.flows.at("main", "shop", "a", commit=lost)).source == flow("a", "2").decode()
