"""Edits that are saved while they are made, and become one commit together."""

import asyncio

import pytest

from app.errors import Conflict, Gone, Invalid, NotFound, PreconditionFailed, Unavailable
from app.sync.changesets.model import Build, Change
from app.sync.model import Actor
from tests.changesets.conftest import Begin, PickyForge, merge_pull, protect
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, BROKEN, Rig, flow, path

BOB = Actor("Bob", "bob@example.org")
LONG = b"# top\n" + flow("a", "1") + b"labels:\n  team: shop\n# a\n# b\n# c\n# d\n# end\n"


def edit(data: bytes | None, name: str = "a") -> Change:
    return Change("shop", "flow", name, data)


@pytest.fixture
async def rig(begin: Begin, scratch: Scratch) -> Rig:
    scratch.commit({path("a"): LONG, path("b"): flow("b")})
    return await begin(edit_mode="push")


async def test_a_draft_is_saved_again_and_again(rig: Rig) -> None:
    drafts = rig.sync.changesets.drafts
    base = rig.runs("a").blob
    first = await drafts.save("main", edit(b"id: a\n"), ANN, base_blob=base)
    assert first.draft.base_blob == base
    assert {each.severity for each in first.problems} == {"error"}, "it may be unfinished"
    again = await drafts.save("main", edit(LONG), ANN)
    assert (again.draft.id, again.problems) == (first.draft.id, ())
    assert again.draft.created_at == first.draft.created_at
    other = await drafts.save("main", edit(LONG), BOB)
    assert other.draft.id != first.draft.id, "two people, two drafts"
    assert [each.id for each in await drafts.of("main", ANN)] == [first.draft.id]
    with pytest.raises(NotFound):
        await drafts.get("main", other.draft.id, ANN)
    await rig.restart()
    drafts = rig.sync.changesets.drafts
    assert (await drafts.get("main", first.draft.id, ANN)).draft.content == LONG.decode()
    await drafts.discard("main", first.draft.id, ANN)
    with pytest.raises(NotFound):
        await drafts.get("main", first.draft.id, ANN)
    with pytest.raises(NotFound):
        await drafts.get("other", other.draft.id, BOB)


async def test_a_draft_of_something_else_is_merged(rig: Rig, scratch: Scratch) -> None:
    drafts, base = rig.sync.changesets.drafts, rig.runs("a").blob
    theirs = scratch.commit({path("a"): LONG.replace(b"# end", b"# their end")})
    await rig.outcome()
    mine = LONG.replace(b"# top", b"# my top")
    with pytest.raises(PreconditionFailed) as caught:
        await drafts.save("main", edit(mine), ANN, base_blob=base)
    told = caught.value.details
    assert told["merged"].encode() == mine.replace(b"# end", b"# their end")
    assert (told["conflicts"], told["current"]) == (0, rig.runs("a").blob)
    clash = LONG.replace(b"# end", b"# my end")
    with pytest.raises(PreconditionFailed) as caught:
        await drafts.save("main", edit(clash), ANN, base_blob=base)
    told = caught.value.details
    assert told["conflicts"] == 1
    assert "<<<<<<< yours\n# my end\n=======\n# their end\n>>>>>>> current" in told["merged"]
    saved = await drafts.save("main", edit(mine), ANN, base_blob=told["current"])
    assert saved.draft.base_commit == theirs


async def test_a_file_that_somebody_made_in_between(rig: Rig, scratch: Scratch) -> None:
    drafts = rig.sync.changesets.drafts
    await drafts.save("main", edit(flow("n"), "n"), ANN, base_blob="")
    scratch.commit({path("n"): flow("n", "theirs")})
    await rig.outcome()
    with pytest.raises(PreconditionFailed) as caught:
        await drafts.save("main", edit(flow("n"), "n"), ANN, base_blob="")
    assert caught.value.details["base"] == ""
    with pytest.raises(PreconditionFailed) as caught:
        await drafts.save("main", edit(None), ANN, base_blob="0" * 40)
    assert "merged" not in caught.value.details
    with pytest.raises(PreconditionFailed) as caught:
        await drafts.save("main", edit(LONG), ANN, base_blob="0" * 40)
    assert "merged" not in caught.value.details, "nobody knows that base"


async def test_several_drafts_are_one_commit(rig: Rig, scratch: Scratch) -> None:
    base = scratch.tip()
    changesets = rig.sync.changesets
    saved = await changesets.drafts.save("main", edit(LONG.replace(b"# top", b"# new")), ANN)
    edits = [edit(None, "b"), Change("shop", "file", "q.sql", b"select 1\n")]
    made = await changesets.submissions.create(
        "main", "Tidy  up", ANN, description="because", draft_ids=[saved.draft.id], edits=edits
    )
    assert (made.state, made.title) == ("DRAFT", "Tidy up")
    assert await changesets.drafts.of("main", ANN) == []
    with pytest.raises(Conflict, match="part of changeset"):
        await changesets.drafts.discard("main", saved.draft.id, ANN)
    with pytest.raises(Conflict, match="part of changeset"):
        await changesets.submissions.create("main", "x", ANN, draft_ids=[saved.draft.id])
    done = await changesets.submissions.submit("main", made.id, ANN)
    assert (done.state, done.commit_sha) == ("ACTIVE", scratch.tip())
    assert scratch.git("rev-list", "--count", f"{base}..main") == "1"
    log = scratch.git("log", "-1", "--format=%an %ae %cn%n%B", "main")
    assert log == f"Ann ann@example.org Headwater\nTidy up\n\nbecause\n\nChangeset: {made.id}"
    assert await rig.store.drafts.in_changeset(made.id) == []
    assert (await rig.active())["main/shop/a"].startswith(b"# new")
    with pytest.raises(Gone):
        rig.runs("b")
    with pytest.raises(Conflict, match="ACTIVE"):
        await changesets.submissions.submit("main", made.id, ANN)


async def test_a_changeset_whose_files_moved_on(rig: Rig, scratch: Scratch) -> None:
    submissions = rig.sync.changesets.submissions
    mine = LONG.replace(b"# top", b"# my top")
    made = await submissions.create("main", "Mine", ANN, edits=[edit(mine)])
    scratch.commit({path("a"): LONG.replace(b"# end", b"# their end")})
    await rig.outcome()
    with pytest.raises(PreconditionFailed) as caught:
        await submissions.submit("main", made.id, ANN)
    [stale] = caught.value.details["stale"]
    assert (stale["path"], stale["conflicts"]) == (path("a"), 0)
    assert "# my top" in stale["merged"]
    assert "# their end" in stale["merged"]
    assert (await rig.store.changesets.get(made.id)).state == "DRAFT"


async def test_a_push_that_we_have_not_seen_yet(rig: Rig, scratch: Scratch) -> None:
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "Mine", ANN, edits=[edit(LONG + b"# mine\n")])
    theirs = scratch.commit({path("a"): LONG + b"# theirs\n"})
    with pytest.raises(PreconditionFailed, match="in the meantime"):
        await submissions.submit("main", made.id, ANN)
    assert scratch.tip() == theirs


async def test_a_changeset_is_a_pull_request(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    scratch.commit({path("a"): LONG})
    rig = await begin(edit_mode="pr")
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "Mine", ANN, edits=[edit(LONG + b"# mine\n")])
    done = await submissions.submit("main", made.id, ANN)
    assert (done.id, done.state, done.branch) == (made.id, "PR_OPEN", f"headwater/ann/{made.id}")
    merge_pull(scratch, forge, done.pull_number or 0)
    await rig.outcome()
    assert (await rig.sync.changesets.get("main", made.id)).state == "ACTIVE"
    assert await rig.store.drafts.in_changeset(made.id) == []


async def test_drafts_survive_what_is_closed(
    begin: Begin, scratch: Scratch, forge: MemoryForge
) -> None:
    scratch.commit({path("a"): LONG})
    rig = await begin(edit_mode="pr")
    changesets = rig.sync.changesets
    made = await changesets.submissions.create("main", "M", ANN, edits=[edit(LONG + b"# m\n")])
    done = await changesets.submissions.submit("main", made.id, ANN)
    forge.change_pull(done.pull_number or 0, state="closed")
    assert (await changesets.get("main", made.id)).state == "CLOSED"
    [draft] = await changesets.drafts.of("main", ANN)
    again = await changesets.submissions.create("main", "M", ANN, draft_ids=[draft.id])
    gone = await changesets.abandon("main", again.id, actor=ANN, reason="")
    assert gone.state == "ABANDONED"
    assert [each.id for each in await changesets.drafts.of("main", ANN)] == [draft.id]


async def test_a_protected_branch_gets_a_pull_request(
    rig: Rig, scratch: Scratch, forge: MemoryForge
) -> None:
    protect(scratch)
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "Mine", ANN, edits=[edit(LONG + b"# mine\n")])
    done = await submissions.submit("main", made.id, ANN)
    assert (done.state, len(forge.pull_requests)) == ("PR_OPEN", 1)


async def test_what_makes_no_changeset(rig: Rig) -> None:
    submissions = rig.sync.changesets.submissions
    with pytest.raises(Invalid, match="1 to"):
        await submissions.create("main", "x", ANN)
    with pytest.raises(NotFound):
        await submissions.create("main", "x", ANN, draft_ids=["nothing"])
    with pytest.raises(Invalid):
        await submissions.create("main", "x", ANN, edits=[Change("shop", "odd", "x", b"")])
    bad = await submissions.create("main", "x", ANN, edits=[edit(b"id: a\n")])
    with pytest.raises(Invalid) as caught:
        await submissions.submit("main", bad.id, ANN)
    assert caught.value.details["problems"]
    same = await submissions.create("main", "x", ANN, edits=[edit(LONG)])
    with pytest.raises(Conflict, match="changes nothing"):
        await submissions.submit("main", same.id, ANN)
    with pytest.raises(NotFound):
        await submissions.submit("other", same.id, ANN)


async def test_a_changeset_is_submitted_once(rig: Rig, scratch: Scratch) -> None:
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "x", ANN, edits=[edit(LONG + b"# x\n")])
    base = scratch.tip()
    answers = await asyncio.gather(
        *(submissions.submit("main", made.id, ANN) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in answers) == 2
    assert scratch.git("rev-list", "--count", f"{base}..main") == "1"


def paused(rig: Rig) -> tuple[asyncio.Event, asyncio.Event]:
    """Let the next push wait; return what tells that it does, and what lets it go on."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    publisher = rig.sync.main.publisher
    land = publisher.land

    async def waiting(build: Build) -> str | None:
        begun.set()
        await go_on.wait()
        return await land(build)

    publisher.land = waiting  # type: ignore[method-assign]
    return begun, go_on


async def test_what_is_saved_while_it_is_submitted_is_not_lost(rig: Rig) -> None:
    changesets = rig.sync.changesets
    saved = await changesets.drafts.save("main", edit(LONG + b"# x\n"), ANN)
    made = await changesets.submissions.create("main", "x", ANN, draft_ids=[saved.draft.id])
    known = (await changesets.drafts.get("main", saved.draft.id, ANN)).draft
    begun, go_on = paused(rig)
    submitting = asyncio.create_task(changesets.submissions.submit("main", made.id, ANN))
    await begun.wait()
    again = changesets.drafts.save("main", edit(LONG + b"# y\n"), ANN, known=known)
    saving = asyncio.create_task(again)
    go_on.set()
    assert (await submitting).state == "ACTIVE"
    with pytest.raises(Conflict, match="is submitted"):
        await saving
    assert (await rig.active())["main/shop/a"].endswith(b"# x\n")


async def test_what_is_being_submitted_is_not_given_up(rig: Rig) -> None:
    changesets = rig.sync.changesets
    made = await changesets.submissions.create("main", "x", ANN, edits=[edit(LONG + b"# x\n")])
    begun, go_on = paused(rig)
    submitting = asyncio.create_task(changesets.submissions.submit("main", made.id, ANN))
    await begun.wait()
    abandon = changesets.abandon("main", made.id, actor=ANN, reason="no")
    giving_up = asyncio.create_task(abandon)
    go_on.set()
    assert (await submitting).state == "ACTIVE"
    with pytest.raises(Conflict, match="ACTIVE"):
        await giving_up
    told = await rig.audit.find(target=f"changeset/{made.id}")
    assert [each.action for each in told] == ["changeset.submit"]


async def test_a_pull_request_that_is_opened_meanwhile_is_closed(
    begin: Begin, scratch: Scratch, forge: PickyForge
) -> None:
    scratch.commit({path("a"): LONG})
    rig = await begin(edit_mode="pr")
    changesets = rig.sync.changesets
    made = await changesets.submissions.create("main", "x", ANN, edits=[edit(LONG + b"# x\n")])
    forge.refused += [Unavailable("down"), Unavailable("still down")]
    assert (await changesets.submissions.submit("main", made.id, ANN)).state == "PUSHED"
    gone, _ = await asyncio.gather(
        changesets.abandon("main", made.id, actor=ANN, reason="no"),
        changesets.get("main", made.id),
    )
    assert gone.state == "ABANDONED"
    assert {each.state for each in forge.pull_requests.values()} <= {"closed"}
    assert scratch.git("for-each-ref", "refs/heads/headwater/") == ""
    assert (await changesets.get("main", made.id)).state == "ABANDONED"


async def test_a_namespace_that_is_kept_back(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("broken"): BROKEN})
    await rig.outcome()
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "x", ANN, edits=[edit(LONG + b"# x\n")])
    with pytest.raises(Conflict, match="mend that file first"):
        await submissions.submit("main", made.id, ANN)
    mended = await submissions.create("main", "Mend", ANN, edits=[edit(flow("broken"), "broken")])
    assert (await submissions.submit("main", mended.id, ANN)).state == "ACTIVE"
    assert (await submissions.submit("main", made.id, ANN)).state == "ACTIVE"


async def test_a_commit_that_has_to_wait(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({path("a"): LONG})
    window = {"kind": "deny", "schedule": "0 0 * * *", "duration": "P2D", "manual": False}
    rig = await begin(edit_mode="push", windows=[window])
    run = (await rig.sync.runs())[0]
    await rig.sync.approvals.approve(run.id, ANN, "first")
    await rig.outcome()
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "x", ANN, edits=[edit(LONG + b"# x\n")])
    done = await submissions.submit("main", made.id, ANN)
    assert (done.state, done.commit_sha) == ("MERGED", scratch.tip())
    with pytest.raises(Conflict, match="is held"):
        await rig.sync.put_flow("main", "shop", "a", (LONG + b"# y\n").decode(), actor=ANN)
    held = (await rig.sync.runs())[0]
    await rig.sync.approvals.approve(held.id, ANN, "now")
    await rig.outcome()
    assert (await rig.sync.changesets.get("main", made.id)).state == "ACTIVE"
