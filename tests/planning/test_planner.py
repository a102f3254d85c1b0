"""Plans of a running service: of its sources, of what each owns, of trees that are sent."""

import asyncio
from pathlib import Path

import pytest

from app.config import SourceSettings
from app.errors import BadRequest, NotFound, RefNotFound
from app.sync.planning.planner import Planner
from tests.git.scratch import Scratch
from tests.planning.rig import LOG, call, flow
from tests.sync.conftest import Start
from tests.sync.rig import REGISTRY, Rig, path


def planner(rig: Rig) -> Planner:
    return Planner(rig.sync.workers, REGISTRY, rig.clock)


@pytest.fixture
async def rig(start: Start, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a").encode(), path("b"): flow("b").encode()})
    return await start(repo=str(scratch.path))


async def test_the_active_commit_against_the_newest(rig: Rig, scratch: Scratch) -> None:
    plans = planner(rig)
    assert (await plans.plan("main", None, None)).is_empty
    last = scratch.commit({path("a"): flow("a", LOG.replace("hello", "bye")).encode()})
    await rig.sync.sync()
    found = await plans.plan("main", "main", last[:12])
    assert found.counts == {}
    first = scratch.git("rev-parse", f"{last}~1")
    assert (await plans.semantic("main", first, None)).counts == {"changed": 1}
    assert "+  - {id: say" in await plans.raw("main", first, last)
    with pytest.raises(RefNotFound):
        await plans.plan("main", "gone", None)
    with pytest.raises(NotFound):
        await plans.plan("other", None, None)
    with pytest.raises(BadRequest):
        await plans.raw("main", first, last, "../x")


async def test_what_others_own_is_nothing_to_a_source(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    theirs = Scratch(tmp_path / "theirs.git")
    first = scratch.commit({path("a"): flow("a").encode()})
    theirs.commit({path("t", "team"): flow("t").encode()})
    team = SourceSettings(
        repo=str(theirs.path), namespaces=("team",), allow_file_protocol=True, poll_seconds=3600
    )
    rig = await start(repo=str(scratch.path), sources={"team": team})
    second = scratch.commit(
        {
            path("x", "team"): flow("x", "{id: x, type: nope}").encode(),
            path("b"): flow("b", call("team.t"), call("team.gone", "again")).encode(),
        }
    )
    await rig.sync.sync()
    found = await planner(rig).plan("main", first, second)
    assert found.counts == {"added": 1}
    assert [each.code for each in found.findings] == ["SUBFLOW_MISSING"]
    assert "team.gone" in found.findings[0].message


async def test_a_source_that_never_was_active(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "{id: x, type: nope}").encode()})
    rig = await start(repo=str(scratch.path))
    found = await planner(rig).plan("main", None, None)
    assert found.base in ("", found.head)
    assert found.counts in ({}, {"added": 1})


async def test_trees_that_are_sent(rig: Rig) -> None:
    plans = planner(rig)
    changed = {path("a"): flow("a", LOG.replace("hello", "bye")).encode()}
    partial = await plans.proposal("main", changed, partial=True)
    assert partial.counts == {"changed": 1}
    whole = await plans.proposal("main", changed, partial=False)
    assert whole.counts == {"changed": 1, "removed": 1}


async def test_many_at_once(rig: Rig) -> None:
    plans = planner(rig)
    found = await asyncio.gather(*(plans.plan("main", None, None) for _ in range(8)))
    assert all(each.is_empty for each in found)
