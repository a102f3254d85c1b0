"""What one source activates and namespaces of others inherit: what was invalid is tried again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.config import SourceSettings
from app.sync import activating, reading
from app.sync.heirs import Heirs
from app.sync.passes import Parts, Pass
from app.sync.reconcile import PHASES
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path

LOG = "io.kestra.plugin.core.log.Log"
TENANT = "tenants/main/tenant.yaml"
COMPANY = "tenants/main/namespaces/company/namespace.yaml"
DEFAULTS = f"pluginDefaults: [{{type: {LOG}, values: {{message: from above}}}}]\n".encode()
NEEDY = f"id: a\ntasks:\n  - {{id: t, type: {LOG}}}\n".encode()
"""A flow that is only valid with the defaults."""


@pytest.fixture
def team(tmp_path: Path) -> Scratch:
    """The repository of `company.team`."""
    found = Scratch(tmp_path / "served" / "team.git")
    found.commit({path("a", "company.team"): NEEDY})
    return found


def source(repo: Scratch, *namespaces: str, **more: Any) -> SourceSettings:
    return SourceSettings(
        repo=str(repo.path),
        allow_file_protocol=True,
        poll_seconds=3600.0,
        namespaces=namespaces,
        **more,
    )


def below(team: Scratch, **more: Any) -> dict[str, SourceSettings]:
    return {"team": source(team, "company.team*", **more)}


async def settled(rig: Rig) -> None:
    """Wait until no source is looked at, or is about to."""
    async with asyncio.timeout(20):
        while any(worker.follower.is_busy for worker in rig.sync.workers):
            await asyncio.sleep(0.005)


async def said(rig: Rig) -> str:
    current: Any = await rig.flows.current("main", "company.team", "a")
    return str(current.complete().flow.tasks[0].message)


async def outcomes(rig: Rig, name: str = "team", after: int = 0) -> list[str | None]:
    """Return what the runs of a source amounted to, the oldest first, without the first ones."""
    return [run.outcome for run in reversed(await rig.sync.runs(name))][after:]


@pytest.mark.parametrize("file", [COMPANY, TENANT])
async def test_what_comes_later_above_is_waited_for(
    start: Start, scratch: Scratch, team: Scratch, file: str
) -> None:
    scratch.commit({path("x", "company"): flow("x")})
    rig = await start(repo=str(scratch.path), sources=below(team))
    await settled(rig)
    assert [each.code for each in await rig.sync.findings("team")] == ["SCHEMA"]
    before = len(await outcomes(rig))
    scratch.commit({file: DEFAULTS})
    await rig.sync.sync()
    await settled(rig)
    assert await rig.sync.findings("team") == []
    assert await said(rig) == "from above"
    assert await outcomes(rig, after=before) == ["SYNCED"]


async def test_a_run_that_was_overtaken_looks_again(
    start: Start, scratch: Scratch, team: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both start together: the one below is judged before the one above is active."""
    scratch.commit({COMPANY: DEFAULTS, path("x", "company"): flow("x")})
    judged, is_above = asyncio.Event(), asyncio.Event()
    activate, validate = activating.activate, reading.validate_flows

    async def late(parts: Parts, now: Pass) -> None:
        if now.source.id == "main":
            await judged.wait()
        await activate(parts, now)
        if now.source.id == "main":
            is_above.set()

    async def early(parts: Parts, now: Pass) -> None:
        await validate(parts, now)
        if now.source.id == "team":
            judged.set()
            await is_above.wait()

    others = {"VALIDATE": early, "ACTIVATE": late}
    changed = tuple((name, others.get(name, phase)) for name, phase in PHASES)
    monkeypatch.setattr("app.sync.reconcile.PHASES", changed)
    rig = await start(repo=str(scratch.path), sources=below(team))
    await settled(rig)
    assert await rig.sync.findings("team") == []
    assert await said(rig) == "from above"


async def test_what_was_missed_is_made_good_by_a_restart(
    start: Start, scratch: Scratch, team: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.commit({path("b", "company.team.b"): flow("b")})
    scratch.commit({path("x", "company"): flow("x")})
    rig = await start(repo=str(scratch.path), sources=below(team))
    await settled(rig)
    assert (await outcomes(rig))[0] == "PARTIAL"
    monkeypatch.setattr(Heirs, "moved", lambda *_: None)
    scratch.commit({COMPANY: DEFAULTS})
    await rig.sync.sync()
    await rig.restart()
    await settled(rig)
    assert await said(rig) == "from above"


async def test_what_is_gone_above_is_heard_of(
    start: Start, scratch: Scratch, team: Scratch
) -> None:
    forced = DEFAULTS.replace(b"message: from above", b"level: LOUD")
    team.commit({path("a", "company.team"): flow("a")})
    scratch.commit({COMPANY: forced, path("x", "other"): flow("x")})
    rig = await start(repo=str(scratch.path))
    rig.sources = below(team)
    await rig.restart()
    await settled(rig)
    assert (await outcomes(rig))[0] == "REJECTED"
    scratch.commit({COMPANY: None})
    await rig.sync.sync()
    await settled(rig)
    assert await said(rig) == "hi"


async def test_a_source_that_is_removed_is_heard_of(
    start: Start, scratch: Scratch, team: Scratch
) -> None:
    forced = DEFAULTS.replace(b"message: from above", b"level: LOUD")
    team.commit({path("a", "company.team"): flow("a")})
    scratch.commit({COMPANY: forced})
    own = Scratch(scratch.path.parent / "own.git")
    own.commit({path("x", "other"): flow("x")})
    rig = await start(
        repo=str(own.path), namespaces=("other",), sources={"above": source(scratch, "company")}
    )
    rig.sources |= below(team)
    await rig.restart()
    await settled(rig)
    assert (await outcomes(rig))[0] == "REJECTED"
    await rig.sync.source_verbs.forget(rig.sync.workers.get("above"), ANN, "")
    await settled(rig)
    assert await said(rig) == "hi"


async def test_nobody_is_woken_for_nothing(start: Start, scratch: Scratch, team: Scratch) -> None:
    scratch.commit({path("x", "company"): flow("x"), path("y", "other"): flow("y")})
    rig = await start(repo=str(scratch.path), sources=below(team))
    await settled(rig)
    before = len(await outcomes(rig))
    scratch.commit({path("y", "other"): flow("y", "new")})
    await rig.sync.sync()
    await settled(rig)
    assert await outcomes(rig, after=before) == [], "nothing of it is inherited"
    team.commit({path("a", "company.team"): flow("a")})
    await rig.sync.sync("team")
    scratch.commit({COMPANY: DEFAULTS})
    await rig.sync.sync()
    await settled(rig)
    assert await outcomes(rig, after=before) == ["SYNCED"], "nothing of it waits"


async def test_two_that_wait_for_each_other_come_to_rest(
    start: Start, scratch: Scratch, team: Scratch
) -> None:
    needy = {path("a", each): NEEDY for each in ("company", "other.team")}
    scratch.commit({**needy, path("x", "company"): flow("x")})
    team.commit({path("a", "other"): NEEDY, path("x", "other"): flow("x")})
    rig = await start(
        repo=str(scratch.path),
        namespaces=("company", "other.team"),
        atomic="flow",
        sources={"team": source(team, "company.team", "other", atomic="flow")},
    )
    await settled(rig)
    before = len(await outcomes(rig)), len(await outcomes(rig, "main"))
    scratch.commit({path("x", "company"): flow("x", "new")})
    await rig.sync.sync()
    await settled(rig)
    after = len(await outcomes(rig)), len(await outcomes(rig, "main"))
    assert after == (before[0] + 1, before[1] + 1)


# -- the rules alone -------------------------------------------------------------------------------


def heard(heirs: Heirs) -> list[str]:
    told: list[str] = []
    heirs.wake = told.append
    return told


def test_only_who_waits_below_is_woken() -> None:
    heirs = Heirs()
    told = heard(heirs)
    heirs.left("one", {("main", "company.team")}, since=heirs.turn)
    heirs.left("two", {("main", "company")}, since=heirs.turn)
    heirs.left("three", {("acme", "company.team")}, since=heirs.turn)
    heirs.moved("main", {("main", "company")})
    assert told == ["one"]
    heirs.moved("main", {("main", "")})
    assert told == ["one", "one", "two"]
    heirs.left("one", set(), since=heirs.turn)
    heirs.moved("two", {("main", "company")})
    assert told == ["one", "one", "two"]


def test_a_source_does_not_wake_itself() -> None:
    heirs = Heirs()
    told = heard(heirs)
    heirs.left("one", {("main", "company.team")}, since=heirs.turn)
    heirs.moved("one", {("main", "company")})
    assert told == []


def test_who_judged_before_something_moved_is_woken_at_once() -> None:
    heirs = Heirs()
    told = heard(heirs)
    since = heirs.turn
    heirs.moved("main", {("main", "company")})
    heirs.left("one", {("main", "company.team")}, since=since)
    assert told == ["one"]
    heirs.left("one", {("main", "company.team")}, since=heirs.turn)
    assert told == ["one"]
