"""Every review comes to an end, and is not begun again without a reason."""

import asyncio
from collections.abc import Sequence

import pytest

from app.errors import Forbidden, Invalid, NotFound, Unavailable
from app.ports import FlowTree, SuiteResult, SuiteSource
from app.sync.review.orders import Order
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import TESTS, VALIDATE, Desk, RecordedTests, flow, path, suite_of

SUITE = "tenants/main/namespaces/shop/tests/t.yaml"


async def opened(desk: Desk, **pull: object) -> str:
    head = desk.propose(7, {path("a"): flow("a", "new"), SUITE: suite_of()}, **pull).head_sha  # type: ignore[arg-type]
    await desk.tell("pull", "opened", number=7)
    return head


# -- forks whose head is not here ------------------------------------------------------------------


async def test_a_fork_whose_head_is_not_here_is_neutral(desk: Desk) -> None:
    desk.forge.has_fork_refs = False
    head = await opened(desk, head_repo="stranger/flows")
    assert set(desk.told(head).values()) == {"neutral"}
    [review] = await desk.made(7)
    assert (review.state, review.outcome) == ("done", "neutral")
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert len(await desk.made(7)) == 1


@pytest.mark.parametrize("error", [NotFound, Invalid, Forbidden])
async def test_it_ends_where_its_commit_takes_no_status(desk: Desk, error: type) -> None:
    desk.forge.has_fork_refs = False
    desk.forge.broken["publish"] = error("this repository has no such commit")
    await opened(desk, head_repo="stranger/flows")
    [review] = await desk.made(7)
    assert (review.state, review.outcome) == ("done", "neutral")


# -- what failed -----------------------------------------------------------------------------------


async def test_what_fails_is_not_made_again_by_every_sweep(desk: Desk) -> None:
    desk.forge.broken["publish"] = Forbidden("the token may not write checks")
    head = await opened(desk)
    for _ in range(3):
        await desk.reviews.sweep()
        await desk.reviews.settled()
    assert [each.state for each in await desk.made(7)] == ["failed"]
    del desk.forge.broken["publish"]
    await desk.later("pull_job")
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert desk.told(head)["validate"] == "success"


# -- closed and moved meanwhile --------------------------------------------------------------------


class Interrupted(RecordedTests):
    """Something happens while the tests of a pull request run."""

    desk: Desk
    scratch: Scratch
    happens = ""

    async def run(self, suites: Sequence[SuiteSource], tree: FlowTree) -> list[SuiteResult]:
        happens, self.happens = self.happens, ""
        if happens == "closed":
            self.desk.forge.change_pull(7, state="closed")
            await self.desk.hint("pull", "closed", number=7)
        elif happens == "base":
            self.scratch.commit({path("b"): flow("b", "meanwhile")})
            await self.desk.sync.sync(cause="poll")
        elif happens == "edited":
            await self.desk.hint("pull", "edited", number=7)
        return await super().run(suites, tree)


async def test_checks_of_what_is_closed_meanwhile_end(begin: Begin, scratch: Scratch) -> None:
    tests = Interrupted()
    desk = await begin(tests=tests)
    tests.desk, tests.scratch, tests.happens = desk, scratch, "closed"
    head = await opened(desk)
    assert desk.check(head, TESTS).state == "cancelled"


async def test_a_base_that_moves_during_a_review_is_noticed(begin: Begin, scratch: Scratch) -> None:
    tests = Interrupted()
    desk = await begin(tests=tests)
    tests.desk, tests.scratch, tests.happens = desk, scratch, "base"
    head = await opened(desk)
    async with asyncio.timeout(10):
        while (await desk.made(7))[-1].base_sha != scratch.tip():
            await asyncio.sleep(0.01)
    assert desk.check(head, VALIDATE).state == "success"


# -- commands --------------------------------------------------------------------------------------


async def test_a_command_is_not_done_again_for_one_that_has_to_wait(desk: Desk) -> None:
    done: list[str] = []

    async def count(order: Order) -> str:
        done.append(order.command.name)
        return ""

    async def wait(order: Order) -> str:
        done.append(order.command.name)
        if done.count("wait") == 1:
            raise Unavailable("the forge is away")
        return ""

    desk.reviews.orders.handlers |= {"count": count, "wait": wait}
    desk.forge.permissions["ann"] = "write"
    await opened(desk)
    comment = desk.forge.say(7, "ann", "/headwater count\n/headwater wait\n/headwater count")
    told = {"number": 7, "comment": "/headwater", "comment_id": comment}
    with pytest.raises(Unavailable):
        await desk.tell("comment", "created", **told)
    await desk.tell("comment", "created", **told)
    assert done == ["count", "wait", "wait", "count"]
    await desk.restart()
    desk.reviews.orders.handlers |= {"count": count, "wait": wait}
    await desk.tell("comment", "created", **told)
    assert done == ["count", "wait", "wait", "count"], "nor after a restart"


async def test_a_result_is_not_put_back_to_queued_by_an_event_that_changes_nothing(
    begin: Begin, scratch: Scratch
) -> None:
    tests = Interrupted()
    desk = await begin(tests=tests)
    tests.desk, tests.scratch = desk, scratch
    head = await opened(desk)
    tests.happens = "edited"
    desk.propose(8, {path("a"): flow("a", "other"), SUITE: suite_of()})
    await desk.tell("pull", "opened", number=8)
    await desk.reviews.settled()
    assert desk.check(head).state == "success"
