"""Pull requests, their reviews, and whom a change concerns: on both databases."""

import asyncio
from dataclasses import replace

import pytest

from app.db.database import Database
from app.db.impact import ImpactStore
from app.db.pull_records import Review
from app.db.pulls import PullStore
from app.ports import PullRequest

PULL = PullRequest(7, "Title", "ann", "open", False, "a" * 40, "x", "o/r", "b" * 40, "main", "o/r")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> str:
    """Where it is stored; nothing of this is kept in memory."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return ""


@pytest.fixture
def store(database: Database) -> PullStore:
    return PullStore(database)


def review(number: int = 7, head: str = "a", at: int = 1) -> Review:
    return Review("main", number, head * 40, "opened", at)


async def test_a_review_is_stored_with_everything_it_found(store: PullStore) -> None:
    waiting = review()
    await store.enqueue(waiting)
    done = replace(
        waiting,
        base_sha="b" * 40,
        state="done",
        outcome="failure",
        merge_tree="c" * 40,
        findings=[{"code": "SCHEMA", "message": "ä \N{CROSS MARK}"}],
        plan={"counts": {"added": 1}},
        tests={"suites": []},
        checks={"headwater/validate": "17"},
        touched=["main/shop"],
        scope="full",
        ended_at=5,
    )
    assert await store.update(done)
    assert await store.reviews("main", 7) == [done]
    assert await store.reviews("main", 7, head="b" * 40) == []
    assert not await store.update(replace(done, outcome="success")), "it is over"
    await store.note_checks(replace(done, checks={"x": "1"}))
    assert (await store.reviews("main", 7))[0].checks == {"x": "1"}


async def test_the_queue(store: PullStore) -> None:
    first, second, other = review(at=3), review(8, at=2), replace(review(9), source_id="second")
    for each in (first, second, other):
        assert await store.enqueue(each) == []
    waiting = await store.next("main")
    assert waiting is not None
    assert waiting.id == second.id
    await store.update(replace(second, state="running"))
    waiting = await store.next("main")
    assert waiting is not None
    assert waiting.id == first.id
    await store.drop(first, 9)
    assert await store.next("main") is None
    await store.take_up("main")
    assert [each.state for each in await store.reviews("main", 8)] == ["queued"]
    await store.withdraw(review(8), 10)
    assert await store.next("main") is None
    assert await store.next("second") is not None


async def test_one_of_many_takes_a_review(store: PullStore) -> None:
    waiting = review()
    await store.enqueue(waiting)
    assert sorted(await asyncio.gather(*(store.claim(waiting) for _ in range(5)))) == [
        *[False] * 4,
        True,
    ]
    assert await store.next("main") is None
    await store.release(waiting)
    assert await store.claim(waiting)
    await store.drop(waiting, 3)
    await store.release(waiting)
    assert not await store.claim(waiting)


async def test_newer_ones_supersede_those_of_the_same_number(store: PullStore) -> None:
    old = review()
    await store.enqueue(old)
    assert [each.id for each in await store.enqueue(review(head="b", at=2))] == [old.id]
    assert not await store.update(replace(old, state="done"))
    groups = [review(0, "a"), review(0, "b")]
    for each in groups:
        assert await store.enqueue(each) == []
    assert [each.id for each in await store.enqueue(review(0, "a", at=2))] == [groups[0].id]


async def test_pull_requests(store: PullStore) -> None:
    known = await store.save("main", PULL, 5)
    await store.approve(known, "a" * 40)
    await store.note_comment("main", 7, "99")
    again = await store.save("main", replace(PULL, draft=True, state="merged"), 6)
    assert (again.approved_sha, again.comment_id) == ("a" * 40, "99")
    assert (again.draft, again.state) == (True, "merged")
    await store.save("main", replace(PULL, number=8), 6)
    await store.save("second", PULL, 6)
    assert [each.number for each in await store.find("main")] == [8, 7]
    assert [each.source_id for each in await store.find(number=7)] == ["main", "second"]
    assert [each.number for each in await store.find("main", state="open")] == [8]
    assert len(await store.find(head="a" * 40)) == 3
    await store.close("main", 8, 9)
    assert await store.find("main", state="open") == []


async def test_reviews_of_what_is_open_are_kept(store: PullStore) -> None:
    await store.save("main", PULL, 1)
    for each in (review(), review(8)):
        await store.enqueue(each)
        await store.drop(each, 2)
    await store.enqueue(review(9))
    await store.forget(100)
    counts = [len(await store.reviews("main", number)) for number in (7, 8, 9)]
    assert counts == [1, 0, 1]


async def test_executions_that_go_on_and_calls(database: Database) -> None:
    impact = ImpactStore(database)
    key = ("main", "shop", "a")
    assert await impact.open_ones(key, 0) == []
    assert await impact.calls(key, 0) == 0
