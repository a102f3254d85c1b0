"""Sources that a repository describes in `sources/*.yaml`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import SourceSettings
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path


@pytest.fixture
def team(tmp_path: Path) -> Scratch:
    """The repository of a team."""
    made = Scratch(tmp_path / "served" / "team.git")
    made.commit({path("b", "team.web"): flow("b"), path("c", "shop"): flow("c", "not ours")})
    return made


@pytest.fixture
def server(tmp_path: Path, scratch: Scratch, team: Scratch) -> Iterator[GitServer]:
    del team
    scratch.commit({path("a", "team.core"): flow("a")})
    with serving(tmp_path / "served") as app:
        yield app


@pytest.fixture
async def rig(start: Start, server: GitServer) -> Rig:
    """A service whose main source delegates, within `team.*`."""
    return await start(
        repo=server.url("acme.git"),
        username="ann",
        token="s3cret-token",
        namespaces=("team.*",),
        delegates=True,
    )


def describing(server: GitServer, namespaces: str = "[team.web]", more: str = "") -> bytes:
    head = f"repo: {server.url('team.git')}\ncredentials: main\n"
    return f"{head}namespaces: {namespaces}\n{more}".encode()


async def synced(rig: Rig) -> None:
    """Sync the parent, and what it describes then."""
    await rig.outcome()
    await rig.sync.reporter.settled()
    for each in rig.sync.workers:
        await rig.sync.sync(each.id)
    await rig.sync.reporter.settled()


async def ids(rig: Rig) -> list[str]:
    return [each.id for each in await rig.sync.sources()]


async def problems(rig: Rig) -> list[str]:
    return [each.message for each in await rig.sync.findings() if each.code == "SOURCE_INVALID"]


async def test_a_described_source_is_followed_while_it_is_described(
    rig: Rig, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"sources/web.yaml": describing(server, more="ref: {branch: main}\n")})
    await synced(rig)
    assert await ids(rig) == ["main", "main--web"]
    source = await rig.sync.source("main--web")
    assert (source.origin, source.parent, source.ref) == ("repository", "main", "branch:main")
    assert sorted(await rig.active()) == ["main/team.core/a", "main/team.web/b"]
    await rig.restart()
    assert await ids(rig) == ["main", "main--web"]
    scratch.commit({"sources/web.yaml": describing(server, more="atomic: flow\n")})
    await synced(rig)
    assert (await rig.sync.source("main--web")).atomic == "flow"
    scratch.commit({"sources/web.yaml": None})
    await synced(rig)
    assert await ids(rig) == ["main"]
    assert sorted(await rig.active()) == ["main/team.core/a"]
    entries = await rig.sync.shared.audit.find(target="source/main--web")
    assert [each.action for each in entries] == ["source.delete", "source.update", "source.create"]
    assert entries[0].actor == "source main"


async def test_it_owns_nothing_that_its_parent_does_not(
    rig: Rig, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"sources/web.yaml": describing(server, "['*']")})
    await synced(rig)
    assert sorted(await rig.active()) == ["main/team.core/a", "main/team.web/b"]
    codes = [(f.code, f.path) for f in await rig.sync.findings("main--web")]
    assert codes == [("NOT_OWNED", "tenants/main/namespaces/shop")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("repo: [", "line 2"),
        ("- repo", "a map of settings"),
        ("repo: https://example.org/x.git", "namespaces: what it owns"),
        ("repo: https://example.org/x.git\nnamespaces: [team.x]\ntoken: x", "token: only"),
        ("repo: https://example.org/x.git\nnamespaces: [team.x]\ndelegates: true", "delegates"),
        ("repo: https://example.org/x.git\nnamespaces: [team.x]\ncredentials: main", "the host"),
        ("repo: /etc\nnamespaces: [team.x]", "https or ssh"),
        ("repo: https://10.0.0.1/x.git\nnamespaces: [team.x]", "inside of a network"),
    ],
)
async def test_what_describes_no_source_is_told(
    rig: Rig, scratch: Scratch, text: str, reason: str
) -> None:
    scratch.commit({"sources/x.yaml": text.encode()})
    await synced(rig)
    [message] = await problems(rig)
    assert reason in message
    assert await ids(rig) == ["main"]
    assert sorted(await rig.active()) == ["main/team.core/a"]
    scratch.commit({"sources/x.yaml": None})
    await synced(rig)
    assert await problems(rig) == []


async def test_a_file_that_is_wrong_takes_nothing_away(
    rig: Rig, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"sources/web.yaml": describing(server)})
    await synced(rig)
    scratch.commit({"sources/web.yaml": b"repo: ["})
    await synced(rig)
    assert await ids(rig) == ["main", "main--web"]
    assert "main/team.web/b" in await rig.active()


async def test_other_branches_and_other_parents_describe_nothing(
    rig: Rig, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({"sources/web.yaml": describing(server)}, branch="proposal")
    await synced(rig)
    assert await ids(rig) == ["main"]
    scratch.commit({"sources/web.yaml": describing(server)})
    await synced(rig)
    rig.git["delegates"] = False
    await rig.restart()
    assert await ids(rig) == ["main"]
    assert sorted(await rig.active()) == ["main/team.core/a"]


async def test_a_crash_before_it_is_heard_of_loses_no_source(
    rig: Rig,
    scratch: Scratch,
    server: GitServer,
) -> None:
    scratch.commit({"sources/web.yaml": describing(server)})
    rig.sync.reporter.stop()  # the process dies after the transaction, before the report is heard
    await rig.outcome()
    await rig.restart()
    await synced(rig)
    await synced(rig)
    assert await ids(rig) == ["main", "main--web"]


async def test_it_owns_no_more_without_its_parent(
    start: Start, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_user", lambda _: "ann")  # everybody may read
    parent = Scratch(tmp_path / "served" / "parent.git")
    text = f"repo: {server.url('team.git')}\nnamespaces: ['*']\n"
    parent.commit({path("p", "team.all"): flow("p"), "sources/web.yaml": text.encode()})
    known = {"username": "ann", "token": "s3cret-token", "poll_seconds": 3600.0}
    spec = SourceSettings(
        repo=server.url("parent.git"), namespaces=("team.*",), delegates=True, **known
    )
    rig = await start(
        repo=server.url("acme.git"), namespaces=("team.core",), **known, sources={"up": spec}
    )
    await synced(rig)
    await synced(rig)
    rig.sources = {}
    await rig.restart()
    await rig.sync.sync("up--web")
    assert sorted(await rig.active()) == ["main/team.all/p", "main/team.core/a", "main/team.web/b"]
