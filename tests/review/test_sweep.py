"""What no webhook told of: the sweep finds it."""

from tests.review.desk import Desk, flow, path


async def test_a_draft_that_became_ready_gets_all_its_checks(desk: Desk) -> None:
    pull = desk.propose(1, {path("a"): flow("a", "new")}, draft=True)
    await desk.tell("pull", "opened", number=1)
    assert desk.told(pull.head_sha) == {"validate": "success"}
    desk.forge.change_pull(1, draft=False)  # and the delivery is lost
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert sorted(desk.told(pull.head_sha)) == ["plan", "tests", "validate"]


async def test_a_pull_that_goes_to_another_base_is_reviewed_again(desk: Desk) -> None:
    desk.scratch.commit({path("z"): flow("z")}, branch="old", parents=[desk.scratch.tip()])
    pull = desk.propose(1, {path("a"): b"id: a\ntasks: []\n"}, base_ref="old")
    await desk.tell("pull", "opened", number=1)
    print(desk.told(pull.head_sha))
    assert desk.check(pull.head_sha).state == "success"  # nobody follows that branch
    desk.forge.change_pull(1, base_ref="main")  # and the delivery is lost
    await desk.reviews.sweep()
    await desk.reviews.settled()
    assert desk.check(pull.head_sha).state == "failure"
