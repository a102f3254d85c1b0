"""Bad commits are taken out again: by a push, or by a pull request where that is refused."""

import pytest

from app.errors import BadRequest, Conflict, Invalid, MergeConflict, NotFound, RefNotFound
from tests.changesets.conftest import Begin, merge_pull, protect
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.git.server import GitServer
from tests.sync.rig import ANN, flow, path

KEY = ("main", "shop", "a")


def history(scratch: Scratch) -> tuple[str, str, str]:
    """Make a good, a bad and a later commit; return them."""
    good = scratch.commit({path("a"): flow("a", "good"), path("b"): flow("b")}, subject="Good")
    bad = scratch.commit({path("a"): flow("a", "bad")}, subject="Break it @team")
    later = scratch.commit({path("b"): flow("b", "later")}, subject="Later")
    return good, bad, later


async def test_a_commit_is_taken_out_by_a_push(begin: Begin, scratch: Scratch) -> None:
    _, bad, later = history(scratch)
    rig = await begin(edit_mode="push")
    made = await rig.sync.reverts.open("main", commits=[bad[:10]], reason="it failed", actor=ANN)
    assert (made.kind, made.state, made.commit_sha) == ("revert", "ACTIVE", scratch.tip())
    assert scratch.git("rev-parse", "main^") == later
    assert b"good" in (await rig.active())["main/shop/a"]
    message = scratch.git("log", "-1", "--format=%an|%cn|%B", "main")
    assert message.startswith('Ann|Headwater|Revert "Break it @team"')
    assert f"This reverts commit {bad}." in message
    assert message.rstrip().endswith(f"Changeset: {made.id}")
    assert await rig.store.changesets.of_commit(made.commit_sha or "") == made
    audit = await rig.sync.shared.audit.find("main", "source/main")
    assert (audit[0].action, audit[0].reason) == ("source.revert", "it failed")


async def test_a_protected_branch_gets_a_pull_request(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    scratch.commit({"CODEOWNERS": b"* @acme/data\n/tenants/main/ @bob @ann\n"})
    _, bad, later = history(scratch)
    protect(scratch)
    rig = await begin(edit_mode="push")
    made = await rig.sync.reverts.open("main", commits=[bad], reason="down @all", actor=ANN)
    assert made.state == "PR_OPEN"
    assert made.branch == f"headwater/revert/{bad[:8]}-a"
    assert scratch.tip() == later
    assert scratch.tip(made.branch) == made.commit_sha
    pull = forge.pull_requests[made.pull_number or 0]
    assert (pull.head_ref, pull.base_ref) == (made.branch, "main")
    assert forge.reviewers[pull.number] == ("bob",)
    assert "down @\u200ball" in pull.body
    assert "@team" not in pull.body.replace("`Break it @team`", "")
    again = await rig.sync.reverts.open("main", commits=[bad], reason="again", actor=ANN)
    assert again.id == made.id, "the same revert is not proposed twice"
    assert len(forge.pull_requests) == 1


@pytest.mark.parametrize("how", ["merge", "squash"])
async def test_a_merged_pull_request_is_active_and_its_branch_goes(
    begin: Begin, scratch: Scratch, forge: MemoryForge, how: str
) -> None:
    _, bad, _ = history(scratch)
    rig = await begin(edit_mode="pr")
    made = await rig.sync.reverts.open("main", commits=[bad], reason="", actor=ANN)
    assert made.state == "PR_OPEN"
    merged = merge_pull(scratch, forge, made.pull_number or 0, how)
    await rig.outcome()
    await rig.sync.reporter.settled()
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.merged_sha, now.branch) == ("ACTIVE", merged, None)
    assert scratch.git("for-each-ref", "refs/heads/headwater/") == ""
    assert b"good" in (await rig.active())["main/shop/a"]


async def test_a_conflict_shows_its_hunks_and_restore_is_the_way_out(
    begin: Begin, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "good")})
    bad = scratch.commit({path("a"): flow("a", "bad")})
    scratch.commit({path("a"): flow("a", "worse")})
    rig = await begin(edit_mode="push")
    with pytest.raises(MergeConflict) as caught:
        await rig.sync.reverts.open("main", commits=[bad], reason="", actor=ANN)
    [clash] = caught.value.details["conflicts"]
    assert clash["path"] == path("a")
    assert clash["hunks"][0]["ours"].strip() == "message: worse"
    made = await rig.sync.reverts.put_back("main", commits=[bad], reason="", actor=ANN)
    assert made.state == "ACTIVE"
    assert b"good" in (await rig.active())["main/shop/a"]


async def test_a_trial_changes_nothing(begin: Begin, scratch: Scratch) -> None:
    _, bad, later = history(scratch)
    rig = await begin(edit_mode="push")
    tried = await rig.sync.reverts.trial("main", commits=[bad])
    assert (tried.onto, tried.mode, tried.paths) == (later, "push", (path("a"),))
    assert "+    message: good" in tried.diff
    assert scratch.tip() == later
    assert await rig.store.changesets.find() == []
    origin = rig.sync.main.parts.repository
    assert origin.mirror.refs.below("refs/headwater/pending/") == {}
    back = await rig.sync.reverts.trial("main", commits=[bad], as_they_were=True, mode="pr")
    assert (back.mode, back.diff) == ("pr", tried.diff)


async def test_a_flow_goes_back_to_a_revision(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    _, bad, _ = history(scratch)
    rig = await begin(edit_mode="pr")
    first = await rig.flows.find(*KEY, revision=1)
    made = await rig.sync.reverts.open("main", restore={KEY: first}, reason="bad", actor=ANN)
    assert made.branch == f"headwater/revert/{bad[:8]}-a"
    assert made.title == "Restore flow shop.a to revision 1"
    merge_pull(scratch, forge, made.pull_number or 0)
    await rig.outcome()
    assert rig.runs("a").blob == first.blob
    with pytest.raises(Conflict, match="nothing would change"):
        await rig.sync.reverts.open("main", restore={KEY: first}, reason="", actor=ANN)


async def test_a_deleted_flow_comes_back(begin: Begin, scratch: Scratch) -> None:
    history(scratch)
    scratch.commit({path("a"): None})
    rig = await begin(edit_mode="push")
    first = await rig.flows.find(*KEY, revision=1)
    gone = (await rig.history("a"))[-1]
    await rig.sync.reverts.open("main", restore={KEY: first}, reason="", actor=ANN)
    assert rig.runs("a").blob == first.blob
    await rig.sync.reverts.open("main", restore={KEY: gone}, reason="", actor=ANN)
    assert "main/shop/a" not in await rig.active()


async def test_a_place_that_holds_something_else_by_now(begin: Begin, scratch: Scratch) -> None:
    history(scratch)
    scratch.commit({path("a"): flow("other")})
    rig = await begin(edit_mode="push")
    first = await rig.flows.find(*KEY, revision=1)
    with pytest.raises(Conflict, match="holds something else"):
        await rig.sync.reverts.open("main", restore={KEY: first}, reason="", actor=ANN)


async def test_what_cannot_be_reverted_is_refused(begin: Begin, scratch: Scratch) -> None:
    good, bad, _ = history(scratch)
    side = scratch.commit({"x": b"1"}, branch="side", parents=[good])
    rig = await begin(edit_mode="push")
    reverts = rig.sync.reverts
    for commits, error in [
        ([], Invalid), (["0" * 40], RefNotFound), ([good], BadRequest), ([side], BadRequest),
        ([bad] * 51, None),
    ]:  # fmt: skip
        if error is not None:
            with pytest.raises(error):
                await reverts.open("main", commits=commits, reason="", actor=ANN)
    with pytest.raises(NotFound):
        await reverts.open("other", commits=[bad], reason="", actor=ANN)
    broken = scratch.commit({path("a"): b"id: a\ntasks: nonsense\n"})
    await rig.outcome()
    invalid = (await rig.history("a"))[-1]
    assert (invalid.commit, invalid.state) == (broken, "invalid")
    with pytest.raises(Conflict, match="invalid"):
        await reverts.open("main", restore={KEY: invalid}, reason="", actor=ANN)
    with pytest.raises(Invalid, match="revision of"):
        await reverts.open("main", restore={("main", "shop", "b"): invalid}, reason="", actor=ANN)


async def test_a_read_only_source_takes_no_revert(begin: Begin, scratch: Scratch) -> None:
    _, bad, _ = history(scratch)
    rig = await begin(edit_mode="readonly")
    with pytest.raises(Conflict) as caught:
        await rig.sync.reverts.open("main", commits=[bad], reason="", actor=ANN)
    assert caught.value.code == "READ_ONLY_SOURCE"


async def test_others_push_in_between(begin: Begin, scratch: Scratch) -> None:
    _, bad, _ = history(scratch)
    rig = await begin(edit_mode="push")
    theirs = scratch.commit({path("c"): flow("c")})
    made = await rig.sync.reverts.open("main", commits=[bad], reason="", actor=ANN)
    assert scratch.git("rev-parse", "main^") == theirs
    assert made.state == "ACTIVE"
    assert set(await rig.active()) == {"main/shop/a", "main/shop/b", "main/shop/c"}


async def test_the_remote_is_down(
    begin: Begin, scratch: Scratch, server: GitServer, forge: MemoryForge
) -> None:
    _, bad, _ = history(scratch)
    rig = await begin(edit_mode="pr")
    server.status = 503
    made = await rig.sync.reverts.open("main", commits=[bad], reason="", actor=ANN)
    assert made.state == "COMMITTED"
    assert "does not answer" in made.error
    server.status = None
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.error) == ("PR_OPEN", "")
    assert scratch.tip(now.branch or "") == made.commit_sha
    assert len(forge.pull_requests) == 1
