"""Commands of pull requests: who may give them, and what becomes of them."""

import asyncio

import pytest

from app.errors import Unavailable
from app.ports.forges import Permission
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import PLAN, TESTS, Desk, RecordedTests, flow, path, suite_of

SUITE = "tenants/main/namespaces/shop/tests/a.yaml"
FORK = "stranger/flows"
ADMIN, OTHER = "boss", "nobody"


async def reviewed(desk: Desk, number: int = 7, **pull: object) -> str:
    head = desk.propose(number, {path("a"): flow("a", "new")}, **pull).head_sha  # type: ignore[arg-type]
    await desk.tell("pull", "opened", number=number)
    desk.forge.permissions |= {ADMIN: "write", OTHER: "read"}
    return head


async def test_a_command_is_acknowledged_and_its_result_is_the_check(desk: Desk) -> None:
    head = await reviewed(desk)
    before = len(desk.forge.bodies(7))
    for name in ("plan", "test"):
        await desk.comment(7, ADMIN, f"/headwater {name}")
    assert len(desk.forge.eyes) == 2
    assert len(await desk.made(7)) == 3
    assert desk.check(head, PLAN).state == "success"
    assert len(desk.forge.bodies(7)) == before + 2, "nothing but what people said"


async def test_who_may_not_write_commands_nothing(desk: Desk) -> None:
    await reviewed(desk)
    for person in (OTHER, "stranger"):
        await desk.comment(7, person, "/headwater plan")
        assert "needs write permission" in desk.forge.bodies(7)[-1]
    assert desk.forge.calls.count("permission") == 2, "the forge is asked, no payload believed"
    assert len(await desk.made(7)) == 1


async def test_help_is_for_everybody(desk: Desk) -> None:
    await reviewed(desk)
    await desk.comment(7, OTHER, "/headwater help")
    assert "/headwater rollback" in desk.forge.bodies(7)[-1]
    await desk.comment(7, OTHER, "/headwater constructor")
    assert "There is no command `constructor`" in desk.forge.bodies(7)[-1]


async def test_a_comment_says_what_the_forge_has_not_what_a_payload_has(desk: Desk) -> None:
    await reviewed(desk)
    harmless = desk.forge.say(7, OTHER, "nice")
    forged = {"number": 7, "comment": "/headwater plan", "actor": ADMIN}
    await desk.tell("comment", "created", comment_id=harmless, **forged)
    await desk.tell("comment", "created", comment_id="404", **forged)
    assert len(await desk.made(7)) == 1


async def test_a_delivery_that_is_heard_twice_is_obeyed_once(desk: Desk) -> None:
    await reviewed(desk)
    comment = desk.forge.say(7, ADMIN, "/headwater pin shop.a 1")
    event = {"number": 7, "comment": "/headwater", "comment_id": comment}
    for _ in range(2):
        await desk.tell("comment", "created", **event)
    assert len(await desk.sync.pins()) == 1
    assert sum("is pinned" in each for each in desk.forge.bodies(7)) == 1


async def test_pin_unpin_and_rollback(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "second")})
    await desk.outcome()
    await reviewed(desk)
    await desk.comment(7, ADMIN, "/headwater rollback shop.a")
    [pin] = await desk.sync.pins()
    assert (pin.revision, pin.actor, pin.reason) == (1, ADMIN, "pull request 7")
    assert desk.runs("a").revision == 1
    await desk.comment(7, ADMIN, "/headwater unpin shop.a")
    assert await desk.sync.pins() == []
    await desk.comment(7, ADMIN, "/headwater pin main/shop.a 1 too slow")
    assert [each.reason for each in await desk.sync.pins()] == ["too slow"]
    await desk.comment(7, OTHER, "/headwater unpin shop.a")
    assert len(await desk.sync.pins()) == 1


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("pin shop.a", "needs a revision or commit"),
        ("pin", "needs a flow"),
        ("pin shop.nothing 1", "nothing"),
        ("pin shop.a 99", "99"),
        ("rollback shop/a", "namespace.id"),
        ("unpin shop.a", "not pinned"),
        ("ok-to-test", "needs the commit"),
        ("ok-to-test 12345678901", "at least 12"),
        ("ok-to-test zzzzzzzzzzzz", "at least 12"),
    ],
)
async def test_what_cannot_be_done_is_told(desk: Desk, text: str, answer: str) -> None:
    await reviewed(desk)
    await desk.comment(7, ADMIN, f"/headwater {text}")
    assert answer in desk.forge.bodies(7)[-1]


async def test_a_forge_that_is_away_is_asked_again_by_the_inbox(desk: Desk) -> None:
    await reviewed(desk)
    comment = desk.forge.say(7, ADMIN, "/headwater pin shop.a 1")
    event = {"number": 7, "comment": "/headwater", "comment_id": comment}
    desk.forge.failures = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await desk.hint("comment", "created", **event)
    await desk.tell("comment", "created", **event)
    assert len(await desk.sync.pins()) == 1


async def test_a_command_that_a_stop_interrupts_is_obeyed_after_it(desk: Desk) -> None:
    await reviewed(desk)
    comment = desk.forge.say(7, ADMIN, "/headwater pin shop.a 1")
    event = {"number": 7, "comment": "/headwater", "comment_id": comment}
    asked = asyncio.Event()

    async def silent(_: str) -> Permission:
        asked.set()
        return await asyncio.Future[Permission]()

    answering = desk.forge.permission
    desk.forge.permission = silent  # type: ignore[method-assign]
    hearing = asyncio.create_task(desk.hint("comment", "created", **event))
    await asked.wait()
    hearing.cancel()
    await asyncio.wait([hearing])
    desk.forge.permission = answering  # type: ignore[method-assign]
    await desk.tell("comment", "created", **event)
    assert len(await desk.sync.pins()) == 1


async def test_an_answer_that_the_forge_does_not_take_is_given_later(desk: Desk) -> None:
    await reviewed(desk)
    comment = desk.forge.say(7, ADMIN, "/headwater pin shop.a 1")
    event = {"number": 7, "comment": "/headwater", "comment_id": comment}
    desk.forge.broken["comment"] = Unavailable("down")
    with pytest.raises(Unavailable):
        await desk.hint("comment", "created", **event)
    del desk.forge.broken["comment"]
    for _ in range(2):
        await desk.tell("comment", "created", **event)
    assert len(await desk.sync.pins()) == 1
    assert sum("is pinned" in each for each in desk.forge.bodies(7)) == 1


async def test_others_may_add_commands(desk: Desk) -> None:
    heard = []

    async def preview(order: object) -> str:
        heard.append(order.command.words)  # type: ignore[attr-defined]
        return "It is made."

    await reviewed(desk)
    desk.reviews.orders.handlers["preview"] = preview
    await desk.comment(7, ADMIN, "/headwater preview shop.a k=v")
    assert heard == [("shop.a", "k=v")]
    assert desk.forge.bodies(7)[-1] == "It is made."


# -- forks -----------------------------------------------------------------------------------------


async def test_nothing_of_a_fork_runs_until_somebody_lets_it(begin: Begin) -> None:
    tests = RecordedTests()
    desk = await begin(tests=tests)
    head = await reviewed(desk, head_repo=FORK)
    states = desk.told(head)
    assert states == {"validate": "success", "plan": "success", "tests": "queued"}
    assert f"ok-to-test {head}" in desk.check(head, TESTS).summary
    await desk.comment(7, OTHER, f"/headwater ok-to-test {head}")
    await desk.comment(7, "ann", f"/headwater ok-to-test {head}")
    assert desk.told(head)["tests"] == "queued"
    assert tests.asked == []
    await desk.comment(7, ADMIN, f"/headwater ok-to-test {head[:12]}")
    assert desk.told(head)["tests"] == "success"
    [entry] = await desk.audit.find(target="pull/main/7")
    assert (entry.action, entry.actor, entry.detail) == (
        "pull.ok-to-test",
        ADMIN,
        {"sha": head},
    )


async def test_the_approval_holds_for_one_commit_only(desk: Desk) -> None:
    first = await reviewed(desk, head_repo=FORK)
    await desk.comment(7, ADMIN, f"/headwater ok-to-test {first}")
    second = desk.propose(7, {path("a"): flow("a", "evil")}, head_repo=FORK).head_sha
    await desk.tell("pull", "synchronize", number=7)
    assert desk.told(second)["tests"] == "queued"
    await desk.comment(7, ADMIN, f"/headwater ok-to-test {first}")
    assert "look at it and say so again" in desk.forge.bodies(7)[-1]
    assert desk.told(second)["tests"] == "queued"


async def test_a_push_between_reading_and_approving_is_not_approved(desk: Desk) -> None:
    """Security case 65: what is approved is the commit that was named."""
    first = await reviewed(desk, head_repo=FORK)
    second = desk.propose(7, {path("a"): flow("a", "evil")}, head_repo=FORK).head_sha
    await desk.comment(7, ADMIN, f"/headwater ok-to-test {first}")
    await desk.tell("pull", "synchronize", number=7)
    assert desk.told(second)["tests"] == "queued"


async def test_the_button_of_the_check_does_the_same(desk: Desk) -> None:
    head = await reviewed(desk, head_repo=FORK)
    button = {"sha": head, "identifier": "ok-to-test"}
    await desk.tell("check", "requested_action", actor=OTHER, **button)
    assert desk.told(head)["tests"] == "queued"
    await desk.tell("check", "requested_action", actor=ADMIN, **button)
    assert desk.told(head)["tests"] == "success"
    await desk.tell("check", "requested_action", actor=ADMIN, sha=head, identifier="unheard")


async def test_a_fork_that_is_gone_counts_as_one(desk: Desk) -> None:
    head = await reviewed(desk, head_repo="")
    assert desk.told(head)["tests"] == "queued"


# -- tests -----------------------------------------------------------------------------------------


async def test_tests_of_what_changes_run_at_the_merged_tree(begin: Begin, scratch: Scratch) -> None:
    files = "tenants/main/namespaces/shop/files/q.sql"
    other = SUITE.replace("a.yaml", "b.yaml")
    scratch.commit({SUITE: suite_of(), other: suite_of("b"), files: b"select 1"})
    tests = RecordedTests()
    desk = await begin(tests=tests)
    head = await reviewed(desk)
    assert [[each.path for each in asked] for asked in tests.asked] == [[SUITE]]
    assert tests.flows["main", "shop", "a"] == flow("a", "new").decode()
    assert tests.files == {"q.sql": b"select 1"}
    assert desk.check(head, TESTS).title == "1 passed"
    review = await desk.reviews.archive.last("main", 7)
    assert review.tests["suites"][0]["state"] == "SUCCESS"


async def test_a_test_that_fails_fails_its_check_alone(begin: Begin, scratch: Scratch) -> None:
    scratch.commit({SUITE: suite_of()})
    tests = RecordedTests()
    tests.fails = True
    desk = await begin(tests=tests)
    head = await reviewed(desk)
    assert desk.told(head) == {"validate": "success", "plan": "success", "tests": "failure"}
    [note] = desk.check(head, TESTS).annotations
    assert (note.path, note.line) == (SUITE, 7)
    assert (await desk.reviews.archive.last("main", 7)).outcome == "failure"


async def test_a_changed_test_runs_although_its_flow_does_not_change(
    begin: Begin, scratch: Scratch
) -> None:
    tests = RecordedTests()
    desk = await begin(tests=tests)
    desk.propose(7, {SUITE: suite_of("b"), SUITE.replace("a.yaml", "x.yaml"): b"\t- :"})
    await desk.tell("pull", "opened", number=7)
    assert [[each.path[-6:] for each in asked] for asked in tests.asked] == [["a.yaml", "x.yaml"]]


async def test_tests_of_flows_that_depend_on_a_changed_one_run_too(
    begin: Begin, scratch: Scratch
) -> None:
    caller = (
        b"id: caller\ntasks:\n  - id: sub\n    type: io.kestra.plugin.core.flow.Subflow\n"
        b"    namespace: shop\n    flowId: a\n"
    )
    scratch.commit({path("caller", "other"): caller})
    suite = SUITE.replace("shop", "other")
    scratch.commit({suite: suite_of("caller").replace(b"shop", b"other")})
    tests = RecordedTests()
    desk = await begin(tests=tests)
    await reviewed(desk)
    assert [[each.path for each in asked] for asked in tests.asked] == [[suite]]
