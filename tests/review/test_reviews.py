"""Reviews of pull requests, on real Git and a forge in memory."""

import asyncio

from app.errors import Unavailable
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import PLAN, TESTS, VALIDATE, Desk, RecordedTests, flow, path, suite_of
from tests.sync.rig import BROKEN, until

ALL_GREEN = {"validate": "success", "plan": "success", "tests": "success"}
MARKER = "<!-- headwater-plan v1 source=main -->"


async def opened(desk: Desk, number: int = 7) -> None:
    await desk.tell("pull", "opened", number=number)


async def test_a_good_pull_request_is_validated_planned_and_tested(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new"), path("n"): flow("n")})
    await opened(desk)
    assert desk.told(pull.head_sha) == ALL_GREEN
    assert desk.check(pull.head_sha).title == "valid: 1 namespace"
    assert desk.check(pull.head_sha, PLAN).title.startswith("Flows: 1 changed, 1 added")
    [review] = await desk.made(7)
    assert (review.state, review.outcome, review.scope) == ("done", "success", "full")
    assert (review.base_sha, review.touched) == (desk.scratch.tip(), ["main/shop"])
    assert review.merge_tree
    [comment] = desk.forge.bodies(7)
    assert comment.startswith(MARKER)
    assert desk.forge.threads[7][0].author != "ann"


async def test_checks_and_comment_lead_to_what_was_found(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    await opened(desk)
    there = "https://hw.example/api/v1/pulls/main/7"
    told = [desk.check(pull.head_sha, each).url for each in (VALIDATE, PLAN, TESTS)]
    assert told == [there, f"{there}/plan", f"{there}/tests"]
    assert f"({there}/plan)" in desk.forge.bodies(7)[0]
    assert [(each.number, each.outcome) for each in desk.heard] == [(7, "success")]


async def test_checks_change_in_place(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    await opened(desk)
    told = [each for each in desk.forge.published if each.context == VALIDATE]
    assert [each.state for each in told] == ["in_progress", "success"]
    ids = {each.id for each in desk.forge.checks.values() if each.sha == pull.head_sha}
    assert len(ids) == 3
    await desk.tell("check", "rerequested", sha=pull.head_sha, identifier=VALIDATE)
    again = {each.id for each in desk.forge.checks.values() if each.sha == pull.head_sha}
    assert again == ids
    assert len(await desk.made(7)) == 2


async def test_an_invalid_flow_fails_with_its_place(desk: Desk) -> None:
    pull = desk.propose(7, {path("broken"): BROKEN})
    await opened(desk)
    check = desk.check(pull.head_sha)
    assert (check.state, check.title) == ("failure", "1 error in 1 namespace")
    [note] = check.annotations
    assert (note.path, note.line, note.title) == (path("broken"), 4, "UNKNOWN_TYPE")
    [review] = await desk.made(7)
    assert review.outcome == "failure"
    assert review.findings[0]["code"] == "UNKNOWN_TYPE"
    assert desk.runs("a").revision == 1, "nothing of it is active"


async def test_two_files_of_one_flow_are_seen(desk: Desk) -> None:
    pull = desk.propose(7, {path("twin"): flow("a")})
    await opened(desk)
    assert [each.title for each in desk.check(pull.head_sha).annotations] == ["DUPLICATE_ID"]


async def test_a_pull_request_without_flows_has_results_too(desk: Desk) -> None:
    pull = desk.propose(7, {"README": b"more"})
    await opened(desk)
    assert desk.told(pull.head_sha) == ALL_GREEN
    assert desk.check(pull.head_sha).title == "no flow changes"
    assert desk.forge.bodies(7) == []


async def test_a_conflict_fails_and_names_the_file(desk: Desk, scratch: Scratch) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "theirs")})
    scratch.commit({path("a"): flow("a", "ours")})
    await opened(desk)
    states = desk.told(pull.head_sha)
    assert states == {"validate": "failure", "plan": "neutral", "tests": "neutral"}
    assert desk.check(pull.head_sha).title == "conflicts with main in 1 file"


async def test_the_merge_result_is_judged_not_the_head(desk: Desk, scratch: Scratch) -> None:
    """Each side alone is good; together two files are one flow."""
    pull = desk.propose(7, {path("left"): flow("same")})
    scratch.commit({path("right"): flow("same")})
    await opened(desk)
    check = desk.check(pull.head_sha)
    assert check.state == "failure"
    assert {each.title for each in check.annotations} == {"DUPLICATE_ID"}


async def test_a_draft_is_validated_only(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")}, draft=True)
    await opened(desk)
    assert desk.told(pull.head_sha) == {"validate": "success"}
    assert desk.forge.bodies(7) == []
    desk.forge.change_pull(7, draft=False)
    await desk.tell("pull", "ready_for_review", number=7)
    assert desk.told(pull.head_sha) == ALL_GREEN
    assert [each.scope for each in await desk.made(7)] == ["draft", "full"]


async def test_a_newer_head_supersedes(desk: Desk) -> None:
    first = desk.propose(7, {path("a"): flow("a", "one")})
    forge, hold = desk.forge, asyncio.Event()
    plain = forge.comments

    async def slow(number: int) -> object:
        hold.set()
        await asyncio.Event().wait()
        return await plain(number)

    forge.comments = slow  # type: ignore[method-assign, assignment]
    await desk.hint("pull", "opened", number=7)
    await hold.wait()
    forge.comments = plain  # type: ignore[method-assign]
    second = desk.propose(7, {path("a"): flow("a", "two")})
    await desk.tell("pull", "synchronize", number=7)
    assert set(desk.told(first.head_sha).values()) == {"cancelled"}
    assert desk.told(second.head_sha) == ALL_GREEN
    assert [each.head_sha for each in await desk.made(7)] == [second.head_sha]
    states = [each.state for each in await desk.pulls.reviews("main", 7)]
    assert states == ["done", "superseded"]


async def test_a_push_that_nobody_told_of_is_followed(desk: Desk) -> None:
    first = desk.propose(7, {path("a"): flow("a", "one")})
    forge, plain = desk.forge, desk.forge.pull
    asked = 0

    async def moving(number: int) -> object:
        nonlocal asked
        asked += 1
        if asked == 2:  # between the hint and the review
            desk.propose(7, {path("a"): flow("a", "two")})
        return await plain(number)

    forge.pull = moving  # type: ignore[method-assign, assignment]
    await opened(desk)
    await until(lambda: asked > 2)
    await desk.reviews.settled()
    head = forge.pull_requests[7].head_sha
    assert head != first.head_sha
    assert [each.head_sha for each in await desk.made(7)] == [head]


async def test_many_events_of_one_push_make_one_review(desk: Desk) -> None:
    desk.propose(7, {path("a"): flow("a", "new")})
    for action in ("opened", "labeled", "synchronize", "edited"):
        await desk.hint("pull", action, number=7)
    await desk.reviews.settled()
    await desk.tell("pull", "labeled", number=7)
    assert len(await desk.made(7)) == 1


async def test_what_touches_the_same_namespace_is_planned_again_when_the_base_moves(
    desk: Desk, scratch: Scratch
) -> None:
    desk.propose(7, {path("a"): flow("a", "new")})
    desk.propose(8, {path("c", "other"): flow("c", "new")})
    await opened(desk, 7)
    await opened(desk, 8)
    moved = scratch.commit({path("late"): flow("late")})
    await desk.outcome()
    await desk.sync.reporter.settled()
    await desk.reviews.settled()
    assert [each.base_sha for each in await desk.made(7)][-1] == moved
    assert len(await desk.made(7)) == 2
    assert len(await desk.made(8)) == 1, "another namespace: nothing of it is stale"


async def test_a_base_that_makes_it_wrong_fails_it(desk: Desk, scratch: Scratch) -> None:
    pull = desk.propose(7, {path("left"): flow("same")})
    await opened(desk)
    assert desk.check(pull.head_sha).state == "success"
    scratch.commit({path("right"): flow("same")})
    await desk.outcome()
    await desk.sync.reporter.settled()
    await desk.reviews.settled()
    assert desk.check(pull.head_sha).state == "failure"


async def test_the_base_of_a_pull_request_changes(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({path("x"): flow("x")}, branch="release", parents=[scratch.tip()])
    pull = desk.propose(7, {path("a"): flow("a", "new")}, base_ref="release")
    await opened(desk)
    assert desk.check(pull.head_sha).title == "no source follows this branch"
    assert desk.told(pull.head_sha) == ALL_GREEN, "a required check would wait for ever"
    desk.forge.change_pull(7, base_ref="main")
    await desk.tell("pull", "edited", number=7)
    assert desk.check(pull.head_sha).title == "valid: 1 namespace"


async def test_a_merge_group_is_reviewed(desk: Desk, scratch: Scratch) -> None:
    group = scratch.commit({path("n"): flow("n")}, branch="q", parents=[scratch.tip()])
    event = {"sha": group, "ref": "refs/heads/main"}
    await desk.tell("merge_group", "checks_requested", **event)
    assert desk.told(group) == ALL_GREEN
    await desk.tell("merge_group", "checks_requested", **event)
    assert len(await desk.made(0)) == 1
    await desk.tell("check", "rerequested", sha=group, identifier=PLAN)
    assert len(await desk.made(0)) == 2
    bad = scratch.commit({path("n"): BROKEN}, branch="q2", parents=[group])
    await desk.tell("merge_group", "checks_requested", sha=bad, ref="refs/heads/main")
    assert desk.told(bad)["validate"] == "failure"


async def test_the_start_finds_what_nobody_told_of(begin: Begin) -> None:
    desk = await begin()
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert desk.told(pull.head_sha) == ALL_GREEN
    await desk.restart()
    await desk.reviews.settled()
    told = [each for each in desk.forge.published if each.context == VALIDATE]
    assert len(told) == 2, "its head has a result"
    later = desk.propose(8, {path("b"): flow("b", "new")})
    desk.forge.change_pull(7, state="merged")
    await desk.restart()
    await desk.reviews.settled()
    assert desk.told(later.head_sha) == ALL_GREEN
    assert (await desk.reviews.archive.pull("main", 7)).state == "merged"


async def test_a_review_outlives_the_process(begin: Begin) -> None:
    desk = await begin()
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    await desk.reviews.stop()
    await desk.hint("pull", "opened", number=7)
    assert (await desk.pulls.reviews("main", 7))[0].state == "queued"
    await desk.sync.stop()
    await desk.database.close()
    await desk.start()
    await desk.reviews.settled()
    assert desk.told(pull.head_sha) == ALL_GREEN


async def test_a_forge_that_is_away_makes_no_failure(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    plain, broken = desk.forge.publish, 2

    async def flaky(check: object) -> str:
        nonlocal broken
        if broken:
            broken -= 1
            raise Unavailable("over its limit", retry_after=0.01)
        return await plain(check)  # type: ignore[arg-type]

    desk.forge.publish = flaky  # type: ignore[method-assign]
    await desk.hint("pull", "opened", number=7)
    await until(lambda: desk.told(pull.head_sha) == ALL_GREEN)
    assert "failure" not in {each.state for each in desk.forge.published}


async def test_what_cannot_be_made_leaves_no_check_waiting(begin: Begin) -> None:
    tests = RecordedTests()

    async def broken(*_: object) -> list[object]:
        raise ZeroDivisionError

    tests.run = broken  # type: ignore[method-assign, assignment]
    desk = await begin(tests=tests)
    suite = "tenants/main/namespaces/shop/tests/a.yaml"
    pull = desk.propose(7, {suite: suite_of(), path("a"): flow("a", "new")})
    await opened(desk)
    assert desk.told(pull.head_sha) == {**ALL_GREEN, "tests": "failure"}
    assert desk.check(pull.head_sha, TESTS).title == "the review failed"
    [review] = await desk.made(7)
    assert (review.state, review.error) == ("failed", "ZeroDivisionError: ")
    tests.run = RecordedTests().run  # type: ignore[method-assign]
    await desk.later("pull_job")
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert desk.told(pull.head_sha) == ALL_GREEN


async def test_what_is_closed_needs_no_review(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")}, state="closed")
    await desk.tell("pull", "closed", number=7)
    assert desk.told(pull.head_sha) == {}
    assert (await desk.reviews.archive.pull("main", 7)).state == "closed"
    await desk.tell("pull", "opened", number=99)
    assert await desk.reviews.archive.pulls("main", "open") == []


async def test_statuses_say_the_same_where_there_are_no_checks(begin: Begin) -> None:
    desk = await begin(has_checks=False)
    pull = desk.propose(7, {path("broken"): BROKEN})
    await opened(desk)
    assert desk.check(pull.head_sha).title == "1 error in 1 namespace"
    assert desk.check(pull.head_sha, TESTS).state == "success"


async def test_what_was_wrong_before_is_told_beside(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({path("old"): BROKEN})
    await desk.outcome()
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    await opened(desk)
    check = desk.check(pull.head_sha)
    assert check.state == "success"
    assert "Not because of this change" in check.summary
    mended = desk.propose(8, {path("old"): flow("old")})
    await opened(desk, 8)
    assert "Not because" not in desk.check(mended.head_sha).summary
