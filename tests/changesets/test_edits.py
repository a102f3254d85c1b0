"""What a change by the API becomes: a commit, a pull request, or a refusal."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from app.sync.changesets.model import Change, Proposed
from app.sync.model import HookEvent
from tests.changesets.conftest import Begin, PickyForge, merge_pull
from tests.git.scratch import Scratch
from tests.git.server import GitServer, User
from tests.sync.rig import ANN, Rig, flow, path

A = ("main", "shop", "a")


def text(flow_id: str = "a", message: str = "hi", namespace: str = "shop") -> str:
    return flow(flow_id, message, namespace).decode()


@pytest.fixture
async def rig(begin: Begin, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b")})
    return await begin(edit_mode="pr")


async def proposal(rig: Rig, message: str = "2", **more: object) -> Proposed:
    with pytest.raises(Proposed) as caught:
        await rig.sync.put_flow("main", "shop", "a", text(message=message), actor=ANN, **more)  # type: ignore[arg-type]
    return caught.value


async def test_a_saved_flow_is_a_pull_request(
    rig: Rig, scratch: Scratch, forge: PickyForge
) -> None:
    base = scratch.tip()
    [made] = (await proposal(rig)).changesets
    assert made.branch == f"headwater/ann/{made.id}"
    assert (made.state, made.title) == ("PR_OPEN", "Update flow shop.a")
    assert scratch.tip() == base
    assert scratch.git("show", f"{made.branch}:{path('a')}") == text(message="2").strip()
    assert f"Changeset: {made.id}" in scratch.git("log", "-1", "--format=%B", made.branch or "")
    assert forge.pull_requests[made.pull_number or 0].title == made.title
    assert rig.runs("a").revision == 1
    merge_pull(scratch, forge, made.pull_number or 0)
    await rig.outcome()
    assert rig.runs("a").revision == 2
    assert (await rig.sync.changesets.get("main", made.id)).state == "ACTIVE"
    assert [each.pull_number for each in await rig.history("a")] == [None, made.pull_number]


async def test_every_write_is_proposed(rig: Rig, forge: PickyForge) -> None:
    sync = rig.sync
    for write in (
        sync.put_flow("main", None, None, text("new"), actor=ANN, create=True),
        sync.put_flows("main", [("shop", "b", None), ("shop", "c", text("c"))], actor=ANN),
        sync.delete_flow(*A, ANN),
        sync.files.put("main", "shop", {"x.sql": b"select 1"}, actor=ANN, message="A file"),
    ):
        with pytest.raises(Proposed):
            await write
    assert len(forge.pull_requests) == 4
    assert set(await rig.active()) == {"main/shop/a", "main/shop/b"}


async def test_the_same_change_is_proposed_once(rig: Rig, forge: PickyForge) -> None:
    first, again = await proposal(rig), await proposal(rig)
    assert first.changesets == again.changesets
    assert (await proposal(rig, "3")).changesets != first.changesets
    assert len(forge.pull_requests) == 2


async def test_what_changes_nothing_is_not_proposed(rig: Rig, forge: PickyForge) -> None:
    same = flow("a", "1").decode()
    assert await rig.sync.put_flow("main", "shop", "a", same, actor=ANN) == rig.runs("a")
    with pytest.raises(Invalid):
        await rig.sync.put_flow("main", "shop", "a", "id: a\n", actor=ANN)
    with pytest.raises(NotFound):
        await rig.sync.delete_flow("main", "shop", "nothing", ANN)
    assert forge.pull_requests == {}


async def test_an_execution_cannot_wait_for_a_pull_request(rig: Rig, forge: PickyForge) -> None:
    with pytest.raises(Conflict, match="pull request only"):
        await rig.sync.files.write("main", "shop", {"x": b"1"}, reason="execution 1")
    assert forge.pull_requests == {}


async def test_without_a_forge_the_branch_is_pushed(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    rig.sync.main.parts.forge = None
    [made] = (await proposal(rig)).changesets
    assert (made.state, made.pull_number) == ("PUSHED", None)
    sha = scratch.tip(made.branch or "")
    scratch.git("update-ref", "refs/heads/main", sha)
    await rig.outcome()
    assert (await rig.sync.changesets.get("main", made.id)).state == "ACTIVE"
    [other] = (await proposal(rig, "3")).changesets
    scratch.git("update-ref", "-d", f"refs/heads/{other.branch}")
    now = await rig.sync.changesets.get("main", other.id)
    assert (now.state, now.error) == ("CLOSED", f"the branch {other.branch} was deleted")


async def test_the_forge_is_down(rig: Rig, scratch: Scratch, forge: PickyForge) -> None:
    forge.refused.append(Unavailable("forge.example does not answer"))
    [made] = (await proposal(rig)).changesets
    assert (made.state, made.error) == ("PUSHED", "forge.example does not answer")
    assert scratch.tip(made.branch or "") == made.commit_sha
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.error) == ("PR_OPEN", "")


async def test_a_forge_that_refuses_leaves_the_branch(rig: Rig, forge: PickyForge) -> None:
    forge.refused.append(Forbidden("the token may not open pull requests"))
    [made] = (await proposal(rig)).changesets
    assert (made.state, made.error) == ("PUSHED", "the token may not open pull requests")


async def test_a_crash_between_push_and_pull_request(
    rig: Rig, scratch: Scratch, forge: PickyForge
) -> None:
    forge.refused.append(Unavailable("down"))
    [made] = (await proposal(rig)).changesets
    forge.add_pull(head_ref=made.branch, base_ref="main")  # it was opened, and we died
    await rig.restart()
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, len(forge.pull_requests)) == ("PR_OPEN", 1)


async def test_a_crash_between_commit_and_push(
    rig: Rig, scratch: Scratch, forge: PickyForge
) -> None:
    store = rig.store.changesets
    forge.refused.append(Unavailable("down"))
    [made] = (await proposal(rig)).changesets
    await store.save(replace(made, state="COMMITTED"))  # it was pushed, and we died
    await rig.restart()
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.branch) == ("PR_OPEN", made.branch)


async def test_a_conflict_shows_and_goes(rig: Rig, scratch: Scratch, forge: PickyForge) -> None:
    [made] = (await proposal(rig)).changesets
    base = scratch.tip()
    scratch.commit({path("a"): flow("a", "theirs")})
    await rig.outcome()
    await rig.sync.reporter.settled()
    now = await rig.store.changesets.get(made.id)
    assert (now.state, now.error) == ("CONFLICT", f"conflicts in {path('a')}")
    scratch.git("update-ref", "refs/heads/main", base)
    await rig.outcome()
    await rig.sync.reporter.settled()
    assert (await rig.store.changesets.get(made.id)).state == "PR_OPEN"


async def test_giving_up(rig: Rig, scratch: Scratch, forge: PickyForge) -> None:
    [made] = (await proposal(rig)).changesets
    changesets = rig.sync.changesets
    gone = await changesets.abandon("main", made.id, actor=ANN, reason="no need")
    assert gone.state == "ABANDONED"
    assert forge.pull_requests[made.pull_number or 0].state == "closed"
    assert scratch.git("for-each-ref", "refs/heads/headwater/") == ""
    with pytest.raises(Conflict, match="ABANDONED"):
        await changesets.abandon("main", made.id, actor=ANN, reason="")
    audit = await rig.sync.shared.audit.find("main", f"changeset/{made.id}")
    assert [each.action for each in audit] == [
        "changeset.abandon",
        "changeset.propose",
        "changeset.commit",
    ]
    with pytest.raises(NotFound):
        await changesets.get("other", made.id)


async def test_a_pull_request_that_is_closed(rig: Rig, forge: PickyForge) -> None:
    [made] = (await proposal(rig)).changesets
    forge.change_pull(made.pull_number or 0, state="closed")
    assert (await rig.sync.changesets.get("main", made.id)).state == "CLOSED"
    forge.change_pull(made.pull_number or 0, state="open")
    hint = HookEvent("main", "github", "d1", "pull", "reopened", made.pull_number)
    await rig.sync.changesets.hinted(hint)
    assert (await rig.store.changesets.get(made.id)).state == "PR_OPEN"


async def test_many_kinds_in_one_commit(rig: Rig, scratch: Scratch, forge: PickyForge) -> None:
    changes = [
        Change("shop", "flow", "new", text("new").encode()),
        Change("shop", "flow", "b", None),
        Change("shop", "file", "run.sh", b"#!/bin/sh\n", executable=True),
        Change("shop", "test", "new.yaml", b"id: t\n"),
        Change("shop", "variables", "", b"a: 1\n"),
        Change("shop", "secrets", "", b"K: ENC[AES256_GCM,data:x]\nsops: {version: 3.9.0}\n"),
    ]
    with pytest.raises(Proposed) as caught:
        await rig.sync.changesets.write("main", changes, actor=ANN, message="Everything")
    [made] = caught.value.changesets
    listing = scratch.git("diff", "--raw", "--no-renames", "main", made.branch or "", "--")
    assert [line.split("\t")[1] for line in listing.splitlines()] == [
        path("x").replace("flows/x.yaml", "files/run.sh"),
        path("b"),
        path("new"),
        path("x").replace("flows/x.yaml", "secrets.sops.yaml"),
        path("x").replace("flows/x.yaml", "tests/new.yaml"),
        path("x").replace("flows/x.yaml", "variables.yaml"),
    ]
    assert ":000000 100755" in listing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("shop", "secrets", "", b"K: plain\n"), "not encrypted"),
        (Change("shop", "variables", "", b"- a\n"), "not a map"),
        (Change("shop", "variables", "", b"a: [\n"), "YAML"),
        (Change("shop", "test", "x.txt", b""), ".yaml"),
        (Change("shop", "test", "../../x.yaml", b""), "no path"),
        (Change("shop", "file", "../x", b""), "no path"),
        (Change("shop", "odd", "x", b""), "cannot be written"),
        (Change("../up", "file", "x", b""), "no namespace"),
        (Change("shop", "flow", "a", b"\xff"), "UTF-8"),
        (Change("shop", "flow", "a", b"id: a\n"), "tasks"),
    ],
)
async def test_what_no_commit_is_made_of(
    rig: Rig, forge: PickyForge, change: Change, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await rig.sync.changesets.write("main", [change], actor=ANN, message="x")
    assert forge.pull_requests == {}


async def test_tags_take_no_commits(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    scratch.git("tag", "v1")
    rig = await begin(edit_mode="push", ref="tag:v1")
    with pytest.raises(Conflict) as caught:
        await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert caught.value.code == "READ_ONLY_SOURCE"


async def test_proposals_at_the_same_time(rig: Rig, forge: PickyForge) -> None:
    names = [f"n{number}" for number in range(5)]
    answers = await asyncio.gather(
        *(rig.sync.put_flow("main", None, None, text(n), actor=ANN) for n in names),
        return_exceptions=True,
    )
    assert all(isinstance(each, Proposed) for each in answers)
    assert len(forge.pull_requests) == len(names)


async def test_commits_are_signed_where_a_key_is_set(
    begin: Begin, scratch: Scratch, tmp_path: Path
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    key = tmp_path / "signing"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    await asyncio.to_thread(subprocess.run, command, check=True, stdin=subprocess.DEVNULL)
    rig = await begin(edit_mode="push", signing_key_file=key)
    made = await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    signers = tmp_path / "signers"
    signers.write_text(f"* {key.with_suffix('.pub').read_text()}")
    options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
    assert scratch.git(*options, "log", "-1", "--format=%G?", made.commit) == "G"


async def test_reading_and_pushing_by_different_tokens(
    begin: Begin, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    server.users = {"reader": User("r3ad", can_push=False), "writer": User("wr1te")}
    more = {"username": "reader", "token": "r3ad"}
    rig = await begin(edit_mode="push", **more, push_username="writer", push_token="wr1te")
    made = await rig.sync.put_flow("main", "shop", "a", text(message="2"), actor=ANN)
    assert scratch.tip() == made.commit
    assert await rig.sync.changesets.of_commit("main", made.commit) == []
