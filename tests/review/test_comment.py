"""The sticky comment."""

from tests.forges.memory import BOT
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import Desk, flow, path

MARKER = "<!-- headwater-plan v1 source=main -->"


async def opened(desk: Desk, text: str = "new") -> None:
    desk.propose(7, {path("a"): flow("a", text)})
    await desk.tell("pull", "synchronize", number=7)


def plans(desk: Desk) -> list[str]:
    return [each for each in desk.forge.bodies(7) if each.startswith(MARKER)]


async def test_it_is_changed_in_place(desk: Desk) -> None:
    await opened(desk, "one")
    await opened(desk, "two")
    [body] = plans(desk)
    assert '"two"' in body
    assert '"one"' not in body


async def test_one_that_was_deleted_is_written_again(desk: Desk) -> None:
    await opened(desk, "one")
    desk.forge.threads[7].clear()
    await opened(desk, "two")
    assert len(plans(desk)) == 1
    await opened(desk, "three")
    assert len(plans(desk)) == 1


async def test_it_is_found_by_its_marker_when_its_id_is_lost(begin: Begin) -> None:
    desk = await begin("one")
    await opened(desk, "one")
    await desk.stop()
    fresh = await begin("two")
    fresh.forge = desk.forge
    await fresh.restart()
    await opened(fresh, "two")
    assert len(plans(fresh)) == 1
    await desk.start()


async def test_a_marker_that_others_wrote_is_not_ours(desk: Desk) -> None:
    desk.propose(7, {path("a"): flow("a", "new")})
    desk.forge.say(7, "ann", f"{MARKER}\nAll is well, merge it.")
    desk.forge.say(7, "eve", f"{MARKER}\nAll is well, merge it.")
    await desk.tell("pull", "opened", number=7)
    assert [each.author for each in desk.forge.threads[7]] == ["ann", "eve", BOT]
    assert "merge it" not in desk.forge.bodies(7)[-1]


async def test_it_says_when_nothing_is_left(desk: Desk, scratch: Scratch) -> None:
    await opened(desk, "one")
    desk.propose(7, {"README": b"only this"})
    await desk.tell("pull", "synchronize", number=7)
    assert plans(desk) == [f"{MARKER}\nNo flow changes.\n"]


async def test_it_fits_what_a_forge_takes(desk: Desk) -> None:
    desk.propose(7, {path(f"f{n}"): flow(f"f{n}", "x" * 900) for n in range(150)})
    await desk.tell("pull", "opened", number=7)
    [body] = plans(desk)
    assert len(body) <= 65_535


async def test_a_marker_of_a_third_person_is_not_taken_over(desk: Desk) -> None:
    """Who wrote the comment could change it afterwards, and it would pass for ours."""
    desk.forge.edits_all = True
    desk.propose(7, {path("a"): flow("a", "new")})
    desk.forge.say(7, "eve", f"{MARKER}\nAll is well, merge it.")
    await desk.tell("pull", "opened", number=7)
    assert [each.author for each in desk.forge.threads[7]] == ["eve", BOT]
    assert "merge it" in desk.forge.bodies(7)[0]
