"""Which ref a source follows: by name, by range of versions, by commit."""

import pytest

from app.errors import BadRequest, Conflict
from app.sync.selecting import highest, select
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

LISTING = {
    "refs/heads/main": "1",
    "refs/heads/v1.9.0": "2",
    "refs/tags/main": "3",
    "refs/tags/only": "4",
}


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("", "main", "refs/heads/main"),
        ("", "only", "refs/tags/only"),
        ("", "refs/tags/main", "refs/tags/main"),
        ("branch", "main", "refs/heads/main"),
        ("branch", "only", None),
        ("tag", "main", "refs/tags/main"),
        ("tag", "v1.9.0", None),
        ("semver", "*", None),
    ],
)
def test_names(kind: str, name: str, found: str | None) -> None:
    assert select(kind, name, LISTING) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("*", "v2.0.0"),
        (">=1.2 <2", "v1.10.0"),
        (">=1.2, <2", "v1.10.0"),
        ("^1.2", "v1.10.0"),
        ("~1.2", "1.2.3"),
        ("1.2.x", "1.2.3"),
        ("<1", None),
        (">=2.1.0-rc.1", "v2.1.0-rc.2"),
        ("1.2.0 || 2.x", "v2.0.0"),
    ],
)
def test_the_highest_version_of_a_range(text: str, found: str | None) -> None:
    names = ("1.2.0", "1.2.3", "v1.10.0", "v2.0.0", "v2.1.0-rc.2", "v2.1.0-rc.1", "v1", "latest")
    listing = [f"refs/tags/{name}" for name in names] + ["refs/heads/v9.0.0"]
    assert highest(text, listing) == (found and f"refs/tags/{found}")


@pytest.mark.parametrize("text", ["latest", ">=1.x.y.z", "1 ||| 2", "; rm"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="no range of versions"):
        highest(text, ())


async def text_of(rig: Rig) -> bytes | None:
    return (await rig.active()).get("main/shop/a")


async def test_a_tag_is_followed_wherever_it_goes(start: Start, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a", "one")})
    scratch.git("tag", "live", first)
    second = scratch.commit({path("a"): flow("a", "two")})
    rig = await start(repo=str(scratch.path), ref="tag:live")
    assert await text_of(rig) == flow("a", "one")
    scratch.git("tag", "-f", "-a", "-m", "Go", "live", second)
    assert await rig.outcome() == "SYNCED"
    assert await text_of(rig) == flow("a", "two")
    assert await rig.outcome() == "NOOP"
    with pytest.raises(Conflict, match="changed there only"):
        await rig.sync.put_flow("main", "shop", "b", flow("b").decode(), actor=ANN)


async def test_the_highest_version_is_followed(start: Start, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1.0")})
    scratch.git("tag", "v1.0.0")
    rig = await start(repo=str(scratch.path), ref="semver:^1", production=True)
    assert await text_of(rig) == flow("a", "1.0")
    scratch.commit({path("a"): flow("a", "1.2")})
    scratch.git("tag", "-a", "-m", "1.2", "v1.2.0")
    scratch.commit({path("a"): flow("a", "2.0")})
    scratch.git("tag", "v2.0.0")
    assert await rig.outcome() == "SYNCED"
    assert await text_of(rig) == flow("a", "1.2")
    # A version need not descend from the one before: that rewrites nothing.
    scratch.commit({path("a"): flow("a", "1.3")}, branch="release", parents=[base])
    scratch.git("tag", "v1.3.0", "release")
    assert await rig.outcome() == "SYNCED"
    assert await text_of(rig) == flow("a", "1.3")
    scratch.git("tag", "-d", "v1.3.0")
    assert await rig.outcome() == "SYNCED"
    assert await text_of(rig) == flow("a", "1.2")
    assert [n for n, *_ in await rig.states("a")] == [1, 2, 3, 4]


async def test_without_a_version_nothing_is_pruned(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    scratch.git("tag", "v1.0.0")
    rig = await start(repo=str(scratch.path), ref="semver:^1")
    scratch.git("tag", "-d", "v1.0.0")
    assert await rig.outcome() == "FAILED"
    stalled = rig.sync.main.source.condition("Stalled")
    assert stalled is not None
    assert stalled.reason == "RefNotFound"
    assert "no tag that is a version in '^1'" in stalled.message
    assert await text_of(rig) == flow("a")


async def test_one_commit_is_followed_and_never_left(start: Start, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a", "one")})
    scratch.commit({path("a"): flow("a", "two")})
    rig = await start(repo=str(scratch.path), ref=f"commit:{first}")
    assert await text_of(rig) == flow("a", "one")
    scratch.commit({path("a"): flow("a", "three")})
    assert await rig.outcome() == "NOOP"
    rig.git["ref"] = "main"
    await rig.restart()
    await rig.outcome()
    assert await text_of(rig) == flow("a", "three")


@pytest.mark.parametrize("text", ["0" * 40, "abc", "HEAD"])
async def test_a_commit_that_is_not_there_is_told(
    start: Start, scratch: Scratch, text: str
) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), ref=f"commit:{text}")
    assert await rig.outcome() == "FAILED"
    stalled = rig.sync.main.source.condition("Stalled")
    assert stalled is not None
    assert stalled.reason == "RefNotFound"


async def test_an_own_repository_has_branches_only(start: Start) -> None:
    rig = await start(ref="semver:^1")
    run = await rig.sync.sync()
    assert run is not None
    assert (run.outcome, "branches only" in run.reason) == ("FAILED", True)
