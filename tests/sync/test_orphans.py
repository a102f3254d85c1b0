"""Sources that the configuration names no more: listed while their flows run, and removable."""

from pathlib import Path

import pytest

from app.config import SourceSettings
from app.errors import ConfirmationNeeded, Conflict, Gone, NotFound
from app.sync.tenant_file import UNSAID
from app.sync.tenant_rules import NodeRules
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path


@pytest.fixture
def other(tmp_path: Path) -> Scratch:
    """The repository of a team."""
    made = Scratch(tmp_path / "served" / "other.git")
    made.commit({path("b", "team"): flow("b"), path("c", "team"): flow("c")})
    return made


def source(repo: Scratch) -> SourceSettings:
    return SourceSettings(
        repo=str(repo.path), allow_file_protocol=True, poll_seconds=3600.0, namespaces=("team",)
    )


@pytest.fixture
async def rig(start: Start, scratch: Scratch, other: Scratch) -> Rig:
    """A service whose configuration named the source `team` once."""
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), sources={"team": source(other)})
    await rig.sync.sync("team")
    assert len(await rig.active()) == 3
    rig.sources = {}
    await rig.restart()
    return rig


async def test_it_is_listed_and_told(rig: Rig) -> None:
    assert len(await rig.active()) == 3
    assert [each.id for each in await rig.sync.sources()] == ["main", "team"]
    orphan = await rig.sync.source("team")
    for name, status in (("Ready", False), ("Stalled", True)):
        condition = orphan.condition(name)
        assert condition is not None
        assert (condition.status, condition.reason) == (status, "Orphaned")
        assert "headwater git remove team --yes" in condition.message or name == "Stalled"
    assert {each.source_id for each in await rig.sync.runs("team")} == {"team"}
    assert await rig.sync.findings("team") == []
    assert len(await rig.sync.commits("team")) == 1
    standing = await rig.sync.status.source("team")
    assert (standing.rollup.flows, standing.webhook["configured"]) == (2, False)
    with pytest.raises(NotFound, match="there is no source team"):
        await rig.sync.sync("team")


async def test_it_is_removed_with_its_flows(rig: Rig) -> None:
    await rig.sync.pin("main", "team", "b", revision=1, reason="", actor=ANN)
    with pytest.raises(ConfirmationNeeded, match="2 flows of source team"):
        await rig.sync.source_verbs.remove("team", ANN)
    assert await rig.sync.source_verbs.remove("team", ANN, "gone", confirm=True) == 2
    assert sorted(await rig.active()) == ["main/shop/a"]
    assert await rig.sync.pins() == []
    assert [each.id for each in await rig.sync.sources()] == ["main"]
    with pytest.raises(Gone):
        rig.runs("b", "team")
    [entry, *_] = await rig.sync.shared.audit.find(target="source/team")
    assert (entry.action, entry.actor, entry.reason) == ("source.delete", "Ann", "gone")
    with pytest.raises(NotFound):
        await rig.sync.source_verbs.remove("team", ANN, confirm=True)
    with pytest.raises(Conflict, match="described in the configuration"):
        await rig.sync.source_verbs.remove("main", ANN, confirm=True)


async def test_it_goes_on_where_it_was_when_it_is_named_again(rig: Rig, other: Scratch) -> None:
    rig.sources = {"team": source(other)}
    await rig.restart()
    other.commit({path("b", "team"): flow("b", "new")})
    await rig.sync.sync("team")
    assert (await rig.active())["main/team/b"] == flow("b", "new")
    ready = (await rig.sync.source("team")).condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == (True, "Synced")


async def test_another_name_for_it_takes_its_flows_over(rig: Rig, other: Scratch) -> None:
    other.commit({path("c", "team"): None})
    rig.sources = {"crew": source(other)}
    await rig.restart()
    await rig.sync.sync("crew")
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    assert rig.flows.effective("main", "team", "b").source_id == "crew"
    assert [each.id for each in await rig.sync.sources()] == ["crew", "main"]


async def test_what_a_newcomer_does_not_have_stays_until_it_is_removed(
    rig: Rig, tmp_path: Path
) -> None:
    fresh = Scratch(tmp_path / "served" / "fresh.git")
    fresh.commit({path("b", "team"): flow("b", "crew's")})
    rig.sources = {"crew": source(fresh)}
    await rig.restart()
    await rig.sync.sync("crew")
    assert (await rig.active())["main/team/b"] == flow("b", "crew's")
    assert [each.id for each in await rig.sync.sources()] == ["crew", "main", "team"]
    assert await rig.sync.source_verbs.remove("team", ANN, confirm=True) == 1
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    fresh.commit({path("b", "team"): flow("b", "newer")})
    await rig.sync.sync("crew")
    assert (await rig.active())["main/team/b"] == flow("b", "newer")
    assert [number for number, *_ in await rig.states("b", "team")] == [1, 2, 3]


async def test_what_it_says_goes_on_to_protect(
    start: Start, scratch: Scratch, other: Scratch
) -> None:
    scratch.commit({path("a"): flow("a")})
    said = b"crossNamespace: granted\negress: {policy: deny-all}\n"
    other.commit({path("d", "apart", "acme"): flow("d"), "tenants/acme/tenant.yaml": said})
    spec = source(other).model_copy(update={"namespaces": ("team", "acme/*")})
    rig = await start(repo=str(scratch.path), sources={"team": spec})
    await rig.sync.sync("team")
    before = rig.sync.tenants.of("acme")
    assert not rig.sync.secrets.reads_environment("acme"), "there are several tenants"
    assert before.cross_namespace == "granted"
    rig.sources = {}
    await rig.restart()
    assert rig.sync.tenants.of("acme") == before
    assert not rig.sync.secrets.reads_environment("acme")
    assert rig.sync.tenants.names() == ["acme", "main"]
    rules = NodeRules(rig.sync.tenants, rig.sync.namespaces, rig.settings)
    assert "does not let" in str(await rules.refusal("main", "other", "team", "execute"))
    await rig.sync.source_verbs.remove("team", ANN, confirm=True)
    assert rig.sync.tenants.of("acme") == UNSAID
    assert await rules.refusal("main", "other", "team", "execute") is None
