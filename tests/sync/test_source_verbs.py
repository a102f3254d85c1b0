"""Sources that are added, changed and removed while the service runs; what a sync would do."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.errors import BadRequest, ConfirmationNeeded, Conflict, HeadwaterError, Invalid, NotFound
from app.sync.freezing import SuspendedSource
from app.sync.specs import public_spec, read_spec, with_credentials
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, GitSettings, Rig, SourceSettings, flow, path, until


@pytest.fixture
def other(tmp_path: Path) -> Scratch:
    """A second repository."""
    made = Scratch(tmp_path / "served" / "other.git")
    made.git("config", "http.receivepack", "true")
    made.commit({path("b", "team"): flow("b", "team's")})
    return made


@pytest.fixture
def server(tmp_path: Path, scratch: Scratch) -> Iterator[GitServer]:
    scratch.commit({path("a"): flow("a")})
    with serving(tmp_path / "served") as app:
        yield app


@pytest.fixture
async def rig(start: Start, server: GitServer) -> Rig:
    """A service whose main repository is at the server, with a token."""
    return await start(repo=server.url("acme.git"), username="ann", token="s3cret-token")


def wish(server: GitServer, **more: Any) -> dict[str, Any]:
    return {"repo": server.url("other.git"), "credentials": "main", **more}


async def add(rig: Rig, server: GitServer, **more: Any) -> None:
    await rig.sync.source_verbs.add("team", wish(server, **more), ANN, "new team")
    await synced(rig)


async def synced(rig: Rig, name: str = "team") -> str:
    run = await rig.sync.sync(name)
    assert run is not None
    return f"{run.outcome} {run.reason}".strip()


async def test_a_source_is_added_and_still_there_after_a_restart(
    rig: Rig, server: GitServer, other: Scratch
) -> None:
    await add(rig, server, namespaces=["team"])
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    source = await rig.sync.source("team")
    assert (source.origin, source.url) == ("api", server.url("other.git"))
    assert "s3cret" not in source.spec
    await rig.restart()
    other.commit({path("b", "team"): flow("b", "new")})
    await synced(rig)
    assert (await rig.active())["main/team/b"] == flow("b", "new")
    [entry] = await rig.sync.shared.audit.find(target="source/team")
    assert (entry.action, entry.actor, entry.reason) == ("source.create", "Ann", "new team")
    await rig.sync.put_flow("main", "team", "c", flow("c").decode(), actor=ANN)
    assert "c.yaml" in other.git("ls-tree", "-r", "--name-only", "main")


async def test_a_source_is_changed(rig: Rig, server: GitServer, other: Scratch) -> None:
    await add(rig, server)
    other.commit({path("b", "team"): flow("b", "release")}, branch="release")
    await rig.sync.source_verbs.change("team", {"ref": "release", "tenants": {"main": "acme"}}, ANN)
    await synced(rig)
    assert sorted(await rig.active()) == ["acme/team/b", "main/shop/a"]
    await rig.sync.source_verbs.change("team", {"tenants": None, "ref": None}, ANN)
    await synced(rig)
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    assert [n for n, *_ in await rig.states("b", "team")] == [1, 2, 3]


async def test_a_source_is_removed_with_its_flows(
    rig: Rig, server: GitServer, other: Scratch
) -> None:
    await add(rig, server)
    with pytest.raises(ConfirmationNeeded, match="1 flows of source team"):
        await rig.sync.source_verbs.remove("team", ANN)
    assert await rig.sync.source_verbs.remove("team", ANN, "gone", confirm=True) == 1
    assert sorted(await rig.active()) == ["main/shop/a"]
    assert [kind for _, kind, _ in await rig.states("b", "team")] == ["commit", "delete"]
    [first, _] = await rig.history("b", "team")
    assert await rig.flows.source(first) == flow("b", "team's").decode()
    with pytest.raises(NotFound):
        await rig.sync.source("team")
    await rig.restart()
    assert [each.id for each in await rig.sync.sources()] == ["main"]
    # What comes back goes on where it was.
    await add(rig, server)
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]
    assert [n for n, *_ in await rig.states("b", "team")] == [1, 2, 3]
    assert other.tip()


async def test_a_source_that_was_suspended_when_it_was_removed_comes_back_followed(
    rig: Rig, server: GitServer, other: Scratch
) -> None:
    assert other.tip()
    await add(rig, server)
    await rig.sync.source_verbs.suspend("team", ANN)
    await rig.sync.source_verbs.remove("team", ANN, confirm=True)
    await add(rig, server)
    assert (await rig.sync.source("team")).suspended_at is None
    assert sorted(await rig.active()) == ["main/shop/a", "main/team/b"]


async def test_pins_end_with_the_source_and_tell_so(
    rig: Rig, server: GitServer, other: Scratch
) -> None:
    other.commit({path("b", "team"): flow("b", "newer")})
    await add(rig, server)
    await rig.sync.pin("main", "team", "b", revision=1, reason="", actor=ANN)
    await rig.sync.source_verbs.remove("team", ANN, confirm=True)
    [pin] = await rig.sync.pinning.pins.of_flow(("main", "team", "b"))
    assert pin.ended_by == "source team was removed"


async def test_what_the_configuration_describes_is_changed_there(rig: Rig) -> None:
    verbs = rig.sync.source_verbs
    for verb in (verbs.change("main", {}, ANN), verbs.remove("main", ANN, confirm=True)):
        with pytest.raises(Conflict, match="described in the configuration"):
            await verb
    with pytest.raises(Conflict, match="already"):
        await verbs.add("main", {"repo": "https://example.org/x.git"}, ANN)
    with pytest.raises(NotFound):
        await verbs.remove("nobody", ANN)


async def test_a_suspended_source_is_not_followed(rig: Rig, scratch: Scratch) -> None:
    await rig.sync.source_verbs.suspend("main", ANN, "maintenance")
    assert (await rig.sync.source("main")).suspended_at is not None
    scratch.commit({path("a"): flow("a", "later")})
    assert await synced(rig, "main") == "NOOP the source is suspended; resume it to go on"
    await rig.restart()
    assert await synced(rig, "main") == "NOOP the source is suspended; resume it to go on"
    assert (await rig.active())["main/shop/a"] == flow("a")
    await rig.sync.source_verbs.resume("main", ANN)
    await synced(rig, "main")
    assert (await rig.active())["main/shop/a"] == flow("a", "later")
    entries = await rig.sync.shared.audit.find(target="source/main")
    assert [each.action for each in entries] == ["source.resume", "source.suspend"]


async def test_a_suspended_source_takes_no_edits(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("b"): flow("b")})
    await synced(rig, "main")
    await rig.sync.source_verbs.suspend("main", ANN)
    tip, text = scratch.tip(), flow("a", "edited").decode()
    for edit in (
        rig.sync.put_flow("main", "shop", "a", text, actor=ANN),
        rig.sync.delete_flow("main", "shop", "a", ANN),
        rig.sync.files.write("main", "shop", {"f": b"1"}, reason="test"),
        rig.sync.reverts.open("main", commits=[tip], actor=ANN, mode="push", reason="x"),
        rig.sync.reverts.open("main", commits=[tip], actor=ANN, mode="pr", reason="x"),
    ):
        with pytest.raises(SuspendedSource, match=r"source main .* headwater git resume main"):
            await edit
    assert (scratch.tip(), scratch.git("for-each-ref", "refs/heads/headwater")) == (tip, "")
    await rig.sync.source_verbs.resume("main", ANN)
    await rig.sync.put_flow("main", "shop", "a", text, actor=ANN)
    assert scratch.tip() != tip


# -- what a sync would do ------------------------------------------------------------------------


async def test_a_dry_run_tells_and_does_nothing(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "new"), path("c"): flow("c"), path("b", "bad"): BROKEN})
    before = await rig.sync.source("main")
    trial = await rig.sync.try_sync()
    assert (trial.outcome, trial.new_commit) == ("PARTIAL", scratch.tip())
    assert (trial.counts["added"], trial.counts["changed"], trial.counts["invalid"]) == (1, 1, 1)
    assert (list(trial.moved), list(trial.stayed)) == (["main/shop"], ["main/bad"])
    assert [each.code for each in trial.findings] == ["UNKNOWN_TYPE"]
    assert await rig.sync.source("main") == before
    assert await rig.active() == {"main/shop/a": flow("a")}
    assert [n for n, *_ in await rig.states("a")] == [1]
    # What it has read was not stored, and is by the sync itself.
    await synced(rig, "main")
    assert await rig.active() == {"main/shop/a": flow("a", "new"), "main/shop/c": flow("c")}
    for each in await rig.history("a"):
        assert await rig.flows.source(each)
    trial = await rig.sync.try_sync()
    assert [each.code for each in trial.findings] == []


async def test_a_dry_run_tells_what_would_be_held(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path(f"f{n}"): flow(f"f{n}") for n in range(12)})
    await synced(rig, "main")
    scratch.commit({path(f"f{n}"): None for n in range(12)})
    trial = await rig.sync.try_sync()
    assert (trial.outcome, trial.counts["deleted"]) == ("HELD", 12)
    assert "it deletes 12 of 13 flows" in trial.reason
    assert len(await rig.active()) == 13


async def test_a_dry_run_fails_as_the_sync_would(rig: Rig, server: GitServer) -> None:
    server.status = 401
    with pytest.raises(HeadwaterError, match=r"127\.0\.0\.1"):
        await rig.sync.try_sync()
    server.status = None
    with pytest.raises(NotFound):
        await rig.sync.try_sync("nobody")


# -- whose credentials, and whose host ------------------------------------------------------------


@pytest.mark.parametrize(
    ("wished", "reason"),
    [
        ({}, "repo: the address"),
        ({"repo": "https://example.org/x.git", "token": "x"}, "token: only the configuration"),
        ({"repo": "https://example.org/x.git", "forge_url": "https://evil"}, "forge_url: only"),
        ({"repo": "https://example.org/x.git", "allow_file_protocol": True}, "allow_file"),
        ({"repo": "https://example.org/x.git", "signatures": "off"}, "signatures: only"),
        ({"repo": "https://example.org/x.git", "ssh_key_file": "/etc/shadow"}, "ssh_key_file"),
        ({"repo": "https://example.org/x.git", "atomic": "never"}, "atomic"),
        ({"repo": "/srv/repo.git"}, "an address by https or ssh"),
        ({"repo": "file:///srv/repo.git"}, "an address by https or ssh"),
        ({"repo": "ext::sh -c id"}, "an address by https or ssh"),
        ({"repo": "https://ann:pw@example.org/x.git"}, "carries credentials"),
        ({"repo": "http://127.0.0.1:1/x.git"}, "http is only for hosts"),
        ({"repo": "http://example.org/x.git"}, "https or ssh"),
        ({"repo": "https://127.0.0.1/x.git"}, "inside of a network"),
        ({"repo": "https://169.254.169.254/x.git"}, "inside of a network"),
        ({"repo": "https://[::ffff:10.0.0.1]/x.git"}, "inside of a network"),
        ({"repo": "https://localhost/x.git"}, "inside of a network"),
        ({"repo": "git@db.internal:x.git"}, "inside of a network"),
        ({"repo": "https://example.org/x.git", "credentials": "main"}, "only for the host"),
        ({"repo": "https://example.org/x.git", "credentials": "nobody"}, "no source 'nobody'"),
        ({"repo": "https://example.org/x.git", "ref": "semver:new"}, "no range of versions"),
        ({"repo": "https://example.org/x.git", "ref": "--upload-pack=x"}, "no name of a branch"),
    ],
)
async def test_what_is_not_theirs_to_say_is_refused(
    rig: Rig, wished: dict[str, Any], reason: str
) -> None:
    with pytest.raises((BadRequest, Invalid)) as refused:
        await rig.sync.source_verbs.add("x", wished, ANN)
    assert reason in refused.value.message
    assert [each.id for each in await rig.sync.sources()] == ["main"]


async def test_an_id_is_no_path(rig: Rig, server: GitServer) -> None:
    for source_id in ("", "A", "../x", "a/b", "x" * 64):
        with pytest.raises(BadRequest, match="id: small letters"):
            await rig.sync.source_verbs.add(source_id, wish(server), ANN)


def test_credentials_are_lent_to_the_same_host_only() -> None:
    lender = SourceSettings(
        repo="https://git.example.org/a.git",
        token="t",
        push_token="p",
        forge="github",
        forge_token="f",
        forge_url="https://api",
    )
    configured = {"main": lender}

    def lent(**more: Any) -> SourceSettings:
        return with_credentials(SourceSettings(credentials="main", **more), configured)

    same = lent(repo="https://git.example.org/b.git")
    assert (same.token, same.push_token, same.forge_token) == (
        lender.token,
        lender.push_token,
        None,
    )
    forge = lent(repo="https://git.example.org/b.git", forge="github")
    assert (forge.forge_token, forge.forge_url) == (lender.forge_token, "https://api")
    for repo in (
        "https://git.example.org:8443/b.git",
        "https://git.example.org.evil/b.git",
        "http://127.0.0.1/b.git",
        "git@git.example.org:b.git",
        None,
    ):
        with pytest.raises(BadRequest, match="only for the host"):
            lent(repo=repo)


def test_settings_are_stored_without_secrets_and_files() -> None:
    spec = GitSettings(
        repo="https://example.org/x.git",
        token="secret-1",
        push_token="secret-2",
        hook_key="k",
        hook_secret="secret-3",
        forge_token="secret-4",
        ssh_key_file="/keys/id",
        ssh_signers_file="/keys/signers",
        namespaces=("shop",),
    )
    text = public_spec(spec)
    assert "secret" not in text
    assert "/keys" not in text
    assert read_spec({"repo": spec.repo, "namespaces": ["shop"]}).namespaces == ("shop",)


async def test_read_and_push_have_credentials_of_their_own(
    start: Start, server: GitServer, scratch: Scratch, other: Scratch
) -> None:
    del scratch, other
    rig = await start(
        "apart",
        repo=server.url("other.git"),
        username="ann",
        token="s3cret-token",
        push_username="bot",
        push_token="push-token",
    )
    assert await rig.active()
    assert all("receive-pack" not in each for each in server.requests)
    with pytest.raises(HeadwaterError):  # the server knows no such user yet
        await rig.sync.put_flow("main", "team", "c", flow("c").decode(), actor=ANN)
    server.users["bot"] = type(server.users["ann"])("push-token")
    server.requests.clear()
    server.authorizations.clear()
    await rig.sync.put_flow("main", "team", "c", flow("c").decode(), actor=ANN)
    used = {
        "push" if "receive-pack" in each else "read": header
        for each, header in zip(server.requests, server.authorizations, strict=True)
        if header
    }
    assert set(used) == {"push", "read"}
    assert used["push"] != used["read"]
    found = [
        file
        for file in rig.folder.rglob("*")
        if file.is_file() and any(word in file.read_bytes() for word in (b"push-token", b"s3cret"))
    ]
    assert found == []


async def test_no_secret_is_in_the_arguments_of_a_process(rig: Rig) -> None:
    await rig.outcome()
    for line in await asyncio.to_thread(lambda: list(Path("/proc").glob("[0-9]*/cmdline"))):
        with suppress(OSError):  # it has ended meanwhile
            assert b"s3cret-token" not in line.read_bytes()


async def test_who_waits_is_woken_when_a_namespace_is_free(
    rig: Rig, server: GitServer, scratch: Scratch, other: Scratch
) -> None:
    other.commit({path("a"): flow("a", "other's")})
    await add(rig, server)
    assert [each.code for each in await rig.sync.findings("team")] == ["OVERLAP"]
    scratch.commit({path("a"): None, path("x", "x"): flow("x")})
    await synced(rig, "main")
    await until(lambda: rig.flows.in_git("main", "shop", "a") is not None)
    assert (await rig.active())["main/shop/a"] == flow("a", "other's")
