"""A crash at any step of a proposal, a submission or a revert costs a delay and nothing else."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from app.errors import Conflict, HeadwaterError
from app.sync.changesets.model import Change, Proposed
from tests.changesets.conftest import Begin, PickyForge, merge_pull
from tests.git.scratch import Scratch
from tests.git.server import GitServer
from tests.sync.rig import ANN, Rig, flow, path

NEW = flow("a", "2")
DAY = 24 * 3600 * 1_000_000


class DeadError(BaseException):
    """The process died here."""


class Dying:
    """Lets a number of calls pass, and dies before or after the next one."""

    def __init__(self, calls: int, *, after: bool) -> None:
        self.left = calls
        self.after = after

    def around(self, target: Any, name: str) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(target, name)

        async def call(*args: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == -1 and not self.after:
                raise DeadError
            result = await real(*args, **named)
            if self.left == -1 and self.after:
                raise DeadError
            return result

        setattr(target, name, call)


async def put(rig: Rig) -> None:
    await rig.sync.put_flow("main", "shop", "a", NEW.decode(), actor=ANN)


async def submit(rig: Rig) -> None:
    submissions = rig.sync.changesets.submissions
    made = await submissions.create("main", "Mine", ANN, edits=[Change("shop", "flow", "a", NEW)])
    await submissions.submit("main", made.id, ANN)


async def revert(rig: Rig) -> None:
    tip = rig.sync.main.source.last_applied or ""
    await rig.sync.reverts.open("main", commits=[tip], reason="", actor=ANN)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("verb", [put, submit, revert])
async def test_a_crash_anywhere_and_the_same_wish_again(
    begin: Begin,
    scratch: Scratch,
    forge: PickyForge,
    verb: Callable[[Rig], Awaitable[None]],
    calls: int,
    after: bool,
) -> None:
    scratch.commit({path("a"): flow("a", "0")})
    base = scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    dying = Dying(calls, after=after)
    dying.around(rig.store.changesets, "save")
    dying.around(forge, "open_pull")
    try:
        with suppress(DeadError, Proposed):
            await verb(rig)
    finally:
        dying.left = 1_000
    await rig.restart()
    await rig.sync.changesets.sweep()
    open_ones = await rig.store.changesets.unfinished()
    if not open_ones:  # it died before anything of it was stored: ask again
        with suppress(Proposed):
            await verb(rig)
        open_ones = await rig.store.changesets.unfinished()
    [made] = open_ones
    assert made.state == "PR_OPEN"
    assert [each.state for each in forge.pull_requests.values()] == ["open"]
    assert scratch.tip() == base
    branches = scratch.git("for-each-ref", "--format=%(refname:short)", "refs/heads/headwater/")
    assert branches.split() == [made.branch]
    merge_pull(scratch, forge, made.pull_number or 0)
    await rig.outcome()
    await rig.sync.reporter.settled()
    assert (await rig.sync.changesets.get("main", made.id)).state == "ACTIVE"
    assert scratch.git("for-each-ref", "refs/heads/headwater/") == ""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", [1, 2])
async def test_a_crash_around_a_push_leaves_one_commit_and_its_changeset(
    begin: Begin, scratch: Scratch, calls: int, after: bool
) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="push")
    dying = Dying(calls, after=after)
    dying.around(rig.store.changesets, "save")
    with suppress(DeadError):
        await submit(rig)
    dying.left = 1_000
    await rig.restart()
    await rig.outcome()
    [made] = await rig.store.changesets.find(tenant="main")
    was_pushed = scratch.tip() != base
    assert was_pushed == (calls == 2)
    if not was_pushed:
        assert (await rig.sync.changesets.get("main", made.id)).state == "DRAFT"
        await rig.sync.changesets.submissions.submit("main", made.id, ANN)
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.commit_sha) == ("ACTIVE", scratch.tip())
    assert (await rig.active())["main/shop/a"] == NEW
    assert scratch.git("rev-list", "--count", f"{base}..main") == "1"
    assert await rig.store.drafts.in_changeset(made.id) == []
    with pytest.raises(Conflict, match="ACTIVE"):
        await rig.sync.changesets.submissions.submit("main", made.id, ANN)


async def test_outages_one_after_another(
    begin: Begin, scratch: Scratch, server: GitServer, forge: PickyForge
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    server.status = 503
    with pytest.raises(Proposed) as caught:
        await put(rig)
    [made] = caught.value.changesets
    assert made.state == "COMMITTED"
    await rig.restart()
    assert (await rig.sync.changesets.get("main", made.id)).state == "COMMITTED"
    server.status = None
    forge.down = HeadwaterError("odd")  # until it is over: the service looks by itself, too
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, now.error) == ("PUSHED", "odd")
    forge.down = None
    assert (await rig.sync.changesets.get("main", made.id)).state == "PR_OPEN"


async def test_a_push_that_is_refused_for_good(
    begin: Begin, scratch: Scratch, server: GitServer, forge: PickyForge
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    server.users["ann"].can_push = False
    with pytest.raises(HeadwaterError, match="refused"):
        await submit(rig)
    [made] = await rig.store.changesets.find(tenant="main")
    assert (made.state, forge.pull_requests) == ("ABANDONED", {})
    [draft] = await rig.sync.changesets.drafts.of("main", ANN)
    assert draft.content == NEW.decode()
    assert rig.sync.main.parts.repository.mirror.refs.below("refs/headwater/pending/") == {}


async def test_a_commit_that_another_node_made(
    begin: Begin, scratch: Scratch, server: GitServer, forge: PickyForge
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    server.status = 503
    with pytest.raises(Proposed) as caught:
        await put(rig)
    server.status = None
    [made] = caught.value.changesets
    there = rig.sync.main.parts.repository
    await rig.store.changesets.save(replace(made, commit_sha="1" * 40))
    now = await rig.sync.changesets.get("main", made.id)
    assert (now.state, forge.pull_requests) == ("COMMITTED", {})
    assert "the node that made it" in now.error
    rig.clock.ahead = 2 * DAY
    assert (await rig.sync.changesets.get("main", made.id)).state == "ABANDONED"
    assert there.mirror.refs.below("refs/headwater/pending/") != {}, "nobody knows that commit"
    await rig.sync.changesets.sweep()
    assert there.mirror.refs.below("refs/headwater/pending/") == {}


async def test_a_commit_that_is_waited_for_is_kept(
    begin: Begin, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="pr")
    server.status = 503
    with pytest.raises(Proposed):
        await put(rig)
    rig.clock.ahead = 2 * DAY
    await rig.sync.changesets.sweep()
    mirror = rig.sync.main.parts.repository.mirror
    assert len(mirror.refs.below("refs/headwater/pending/")) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", range(2))
async def test_a_crash_around_the_push_of_a_revert_leaves_its_changeset_and_who_asked(
    begin: Begin, scratch: Scratch, calls: int, after: bool
) -> None:
    scratch.commit({path("a"): flow("a", "0")})
    base = scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="push")
    dying = Dying(calls, after=after)
    dying.around(rig.store.changesets, "save")
    with suppress(DeadError):
        await rig.sync.reverts.open("main", commits=[base], reason="it\n\n> failed", actor=ANN)
    dying.left = 1_000
    await rig.restart()
    await rig.outcome()
    await rig.sync.changesets.sweep()
    found = await rig.store.changesets.find()
    entries = await rig.audit.find(target="source/main")
    told = [each for each in entries if each.action == "source.revert"]
    if scratch.tip() == base:
        assert calls == 0
        assert (told, [each.state for each in found]) == ([], ["DRAFT"] * after)
        rig.clock.ahead = 2 * DAY
        await rig.sync.changesets.sweep()
        found = await rig.store.changesets.find()
        assert [each.state for each in found] == ["ABANDONED"] * after
        return
    [made] = found
    assert (made.kind, made.state, made.owner) == ("revert", "ACTIVE", "Ann")
    assert made.commit_sha == scratch.tip()
    [entry] = told
    assert (entry.actor, entry.reason) == ("Ann", "it\n\n> failed")
    assert entry.detail["changeset"] == made.id
    await rig.sync.changesets.sweep()
    assert len(await rig.audit.find(target="source/main")) == len(entries)


async def test_a_revert_that_is_not_pushed_leaves_no_changeset(
    begin: Begin, scratch: Scratch, server: GitServer
) -> None:
    scratch.commit({path("a"): flow("a", "0")})
    base = scratch.commit({path("a"): flow("a", "1")})
    rig = await begin(edit_mode="push")
    server.users["ann"].can_push = False
    with pytest.raises(HeadwaterError, match="refused"):
        await rig.sync.reverts.open("main", commits=[base], reason="", actor=ANN)
    assert await rig.store.changesets.find(states=["DRAFT"]) == []
    assert await rig.audit.find(target="source/main") == []
