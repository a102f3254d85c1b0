"""Pins and rollbacks."""

import pytest

from app.errors import BadRequest, ConfirmationNeeded, Conflict, Gone, NotFound
from app.sync.rollback import Order
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, BROKEN, Rig, flow, path, time_of, until

A = ("main", "shop", "a")
SOON = 200_000
"""Microseconds."""


async def three(rig: Rig, scratch: Scratch) -> list[str]:
    commits = [scratch.commit({path("a"): flow("a", str(n))}) for n in (1, 2, 3)]
    await rig.outcome()
    return commits


async def test_a_pinned_flow_runs_its_revision_at_once(rig: Rig, scratch: Scratch) -> None:
    commits = await three(rig, scratch)
    pin = await rig.sync.pin(*A, revision=1, reason="look", actor=ANN)
    assert (pin.revision, pin.commit, pin.actor, pin.reason) == (1, commits[0], "Ann", "look")
    assert rig.runs("a").revision == 1
    assert (await rig.flows.current(*A)).source == flow("a", "1").decode()
    assert await rig.sync.pins("main") == [pin]
    assert await rig.sync.pins("other") == []
    await rig.sync.unpin(*A, ANN)
    assert rig.runs("a").revision == 3
    assert await rig.sync.pins() == []
    with pytest.raises(NotFound, match="not pinned"):
        await rig.sync.unpin(*A, ANN)


async def test_a_rollback_goes_to_the_revision_before(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    pin = await rig.sync.rollback(*A, reason="bad", actor=ANN)
    assert (pin.revision, pin.quarantined) == (2, (await rig.history("a"))[2].blob)
    assert rig.runs("a").revision == 2
    again = await rig.sync.rollback(*A, reason="bad, too", actor=ANN)
    assert again.revision == 1
    assert [each.id for each in await rig.sync.pins()] == [again.id]
    with pytest.raises(Conflict, match="no valid revision before 1"):
        await rig.sync.rollback(*A, reason="further", actor=ANN)


@pytest.mark.parametrize("to", ["1", 1, "commit"])
async def test_a_rollback_to_a_revision_or_commit(
    rig: Rig, scratch: Scratch, to: str | int
) -> None:
    commits = await three(rig, scratch)
    wanted = commits[0][:9] if to == "commit" else to
    pin = await rig.sync.rollback(*A, to=wanted, reason="", actor=ANN)
    assert (pin.revision, rig.runs("a").revision) == (1, 1)


async def test_it_ends_when_git_makes_the_flow_another_one(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    pin = await rig.sync.rollback(*A, reason="bad", actor=ANN)
    scratch.commit({path("b"): flow("b"), path("a"): None, path("moved"): flow("a", "3")})
    await rig.outcome()
    assert rig.runs("a").revision == 2
    scratch.commit({path("moved"): b"id: a\ntasks: 3\n"})
    await rig.outcome()
    assert rig.runs("a").revision == 2, "an invalid flow mends nothing"
    fixed = scratch.commit({path("moved"): flow("a", "4")})
    await rig.outcome()
    assert (rig.runs("a").revision, rig.runs("a").commit) == (5, fixed)
    assert await rig.sync.pins() == []
    ended = await rig.database.fetch_sql("SELECT ended_by FROM pin WHERE id = ?", pin.id)
    assert ended[0].ended_by == f"commit {fixed}"


async def test_a_revert_in_git_ends_it(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    await rig.sync.rollback(*A, reason="bad", actor=ANN)
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    assert await rig.sync.pins() == []
    assert rig.runs("a").revision == 4


async def test_a_manual_pin_holds_until_somebody_ends_it(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until="manual")
    scratch.commit({path("a"): flow("a", "4")})
    await rig.outcome()
    assert rig.runs("a").revision == 1
    active = rig.flows.in_git(*A)
    assert active is not None
    assert active.revision == 4


async def test_a_pin_until_a_time(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    with rig.clock.standing() as now:
        end = time_of(now + SOON)
        await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until=end)
        assert rig.runs("a").revision == 1
    await until(lambda: rig.runs("a").revision == 3)
    assert await rig.sync.pins() == []


async def test_a_pin_until_the_end_of_time(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    end = "9998-12-31T23:59:59.999999Z"
    pin = await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until=end)
    assert (pin.until, rig.runs("a").revision) == (end, 1)
    await rig.sync.pinning.end_expired()
    assert rig.runs("a").revision == 1


async def test_pins_survive_a_restart_and_end_while_nothing_runs(
    rig: Rig, scratch: Scratch
) -> None:
    await three(rig, scratch)
    scratch.commit({path("b"): flow("b", "1")})
    scratch.commit({path("b"): flow("b", "2")})
    await rig.outcome()
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN)
    with rig.clock.standing() as now:
        end = now + SOON
        await rig.sync.pin(
            "main", "shop", "b", revision=1, reason="", actor=ANN, until=time_of(end)
        )
        await rig.stop()
    await until(lambda: rig.clock.now() > end)
    await rig.start()
    assert rig.runs("a").revision == 1
    assert rig.runs("b").revision == 2


async def test_a_deleted_flow_ends_its_pin(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN, until="manual")
    scratch.commit({path("a"): None})
    await rig.outcome()
    assert await rig.sync.pins() == []
    with pytest.raises(Gone):
        rig.runs("a")
    with pytest.raises(Gone):
        await rig.sync.pin(*A, revision=1, reason="", actor=ANN)


async def test_what_ended_it_is_told_though_another_namespace_stays(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("b", "bad"): flow("b")})
    await three(rig, scratch)
    await rig.sync.pin(*A, revision=1, reason="", actor=ANN)
    tip = scratch.commit({path("a"): flow("a", "4"), path("b", "bad"): BROKEN})
    assert await rig.outcome() == "PARTIAL"
    [pin] = await rig.sync.pinning.pins.of_flow(A)
    assert pin.ended_by == f"commit {tip}"


async def test_a_deletion_is_nothing_that_runs(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    gone = scratch.commit({path("a"): None})
    await rig.outcome()
    scratch.commit({path("a"): flow("a", "again")})
    await rig.outcome()
    assert (await rig.flows.find(*A, commit=gone)).kind == "delete"
    with pytest.raises(Gone, match=r"revision 4 of shop\.a is its deletion"):
        await rig.flows.at(*A, commit=gone)
    with pytest.raises(Gone):
        await rig.flows.at(*A, revision=4)
    assert (await rig.flows.at(*A, revision=3)).source == flow("a", "3").decode()


async def test_what_cannot_run_cannot_be_pinned(rig: Rig, scratch: Scratch) -> None:
    commits = [
        scratch.commit({path("a"): flow("a", "1")}),
        scratch.commit({path("a"): None}),
        scratch.commit({path("a"): BROKEN.replace(b"broken", b"a")}),
        scratch.commit({path("a"): flow("a", "2")}),
    ]
    await rig.outcome()
    for wrong in (2, 3):
        with pytest.raises(Conflict, match=f"revision {wrong}"):
            await rig.sync.pin(*A, revision=wrong, reason="", actor=ANN)
        with pytest.raises(Conflict):
            await rig.sync.pin(*A, commit=commits[wrong - 1], reason="", actor=ANN)
    pin = await rig.sync.rollback(*A, reason="", actor=ANN)
    assert pin.revision == 1, "what cannot run is passed over"


async def test_redacted_revisions_cannot_be_pinned(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    scratch.commit({path("a"): flow("a", "4")})
    await rig.outcome()
    await rig.stop()
    await rig.open()
    from sqlalchemy import text

    await rig.database.transact(
        text("UPDATE flow_revision SET state = 'redacted' WHERE revision = 2")
    )
    await rig.sync.start()
    with pytest.raises(Conflict, match="was redacted"):
        await rig.sync.pin(*A, revision=2, reason="", actor=ANN)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"revision": 9}, NotFound),
        ({"commit": "feedfeed"}, NotFound),
        ({}, BadRequest),
        ({"revision": 1, "commit": "abcd"}, BadRequest),
        ({"revision": 1, "until": "soon"}, BadRequest),
        ({"revision": 1, "until": "2999-01-01T00:00:00"}, BadRequest),
        ({"revision": 1, "until": "2001-01-01T00:00:00Z"}, BadRequest),
        ({"revision": 1, "until": "9999-12-31T23:59:59-14:00"}, BadRequest),
    ],
)
async def test_requests_that_are_refused(
    rig: Rig, scratch: Scratch, wrong: dict[str, object], error: type[Exception]
) -> None:
    await three(rig, scratch)
    with pytest.raises(error):
        await rig.sync.pin(*A, reason="", actor=ANN, **wrong)
    with pytest.raises(NotFound):
        await rig.sync.pin("main", "shop", "none", revision=1, reason="", actor=ANN)
    assert rig.runs("a").revision == 3


# -- namespaces and sources ----------------------------------------------------------------------


async def namespace_of(rig: Rig, scratch: Scratch) -> list[str]:
    commits = [
        scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1")}),
        scratch.commit({path("a"): flow("a", "2"), path("x", "other"): flow("x", "1")}),
        scratch.commit({path("a"): flow("a", "3"), path("x", "other"): flow("x", "2")}),
    ]
    await rig.outcome()
    return commits


async def test_a_namespace_goes_back_to_a_commit(rig: Rig, scratch: Scratch) -> None:
    commits = await namespace_of(rig, scratch)
    order = Order(ANN, "all of it", until="manual")
    made = await rig.sync.scopes.pin_namespace("main", "shop", commits[0][:10], order)
    assert {(each.flow_id, each.revision, each.commit) for each in made} == {
        ("a", 1, commits[0]),
        ("b", 1, commits[0]),
    }
    assert len({each.group_id for each in made}) == 1
    assert (rig.runs("a").revision, rig.runs("a").snapshot) == (1, commits[0])
    assert rig.runs("x", "other").revision == 2
    entry = (await rig.audit.find(target="namespace/shop"))[0]
    assert (entry.action, entry.actor, entry.reason) == ("namespace.pin", "Ann", "all of it")
    scratch.commit({path("b"): flow("b", "2")})
    await rig.outcome()
    assert rig.runs("b").revision == 1
    await rig.sync.scopes.unpin_namespace("main", "shop", ANN)
    assert (rig.runs("a").revision, rig.runs("b").revision) == (3, 2)
    with pytest.raises(NotFound, match="not pinned"):
        await rig.sync.scopes.unpin_namespace("main", "shop", ANN)


async def test_only_what_differs_is_pinned_until_it_changes(rig: Rig, scratch: Scratch) -> None:
    commits = await namespace_of(rig, scratch)
    made = await rig.sync.scopes.pin_namespace("main", "shop", commits[1], Order(ANN))
    assert [(each.flow_id, each.revision) for each in made] == [("a", 2)]
    with pytest.raises(Conflict, match="until=manual"):
        await rig.sync.scopes.pin_namespace("main", "shop", commits[1], Order(ANN))


async def test_a_source_goes_back_to_a_commit(rig: Rig, scratch: Scratch) -> None:
    commits = await namespace_of(rig, scratch)
    with pytest.raises(ConfirmationNeeded, match=r"other\.x is not there") as refused:
        await rig.sync.scopes.pin_source("main", commits[0], Order(ANN))
    plan = refused.value.details["plan"]
    assert [each["flowId"] for each in plan["left"]] == ["x"]
    assert [(each["flowId"], each["from"], each["to"]) for each in plan["flows"]] == [("a", 3, 1)]
    assert rig.runs("a").revision == 3
    await rig.sync.scopes.pin_source("main", commits[0], Order(ANN, confirm=True))
    assert (rig.runs("a").revision, rig.runs("x", "other").revision) == (1, 2)
    await rig.sync.scopes.unpin_source("main", ANN)
    assert rig.runs("a").revision == 3
    with pytest.raises(NotFound):
        await rig.sync.scopes.pin_source("main", "feedfeed", Order(ANN))
    with pytest.raises(NotFound):
        await rig.sync.scopes.pin_source("none", commits[0], Order(ANN))


async def test_a_namespace_with_an_invalid_flow_is_refused_whole(
    rig: Rig, scratch: Scratch
) -> None:
    broken = scratch.commit({path("a"): flow("a"), path("b"): BROKEN.replace(b"broken", b"b")})
    scratch.commit({path("a"): flow("a", "2"), path("b"): flow("b")})
    await rig.outcome()
    with pytest.raises(Conflict, match=r"revision 1 of shop\.b"):
        await rig.sync.scopes.pin_namespace("main", "shop", broken, Order(ANN, confirm=True))
    assert await rig.sync.pins() == []


# -- what has to be confirmed --------------------------------------------------------------------

HEAD = b"id: a\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: "
HOOK = b"triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: %s\n"
DAILY = (
    b"triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Schedule\n"
    b'    cron: "0 0 * * *"\n'
)
INPUT = b"inputs:\n  - id: who\n    type: STRING\n"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (HEAD + b"1\n", HEAD + b"2\n", None),
        (HEAD + b"1\n" + DAILY, HEAD + b"2\n" + DAILY.replace(b"0 0", b"0 5"), None),
        (HEAD + b"1\n" + DAILY, HEAD + b"2\n", "TRIGGER_RETURNS"),
        (HEAD + b"1\n", HEAD + b"2\n" + DAILY, "TRIGGER_ENDS"),
        (HEAD + b"1\n" + HOOK % b"abc", HEAD + b"1\n" + HOOK % b"def", "TRIGGER_CHANGES"),
        (HEAD + b"1\n" + DAILY, HEAD + b"1\n" + HOOK % b"def", "TRIGGER_CHANGES"),
        (HEAD + b"\"{{ secret('OLD') }}\"\n", HEAD + b"2\n", "SECRET_OLD"),
        (HEAD + b"1\n" + INPUT, HEAD + b"2\n", "INPUT_NEEDED"),
        (HEAD + b"1\n" + INPUT + b"    defaults: you\n", HEAD + b"2\n", None),
    ],
)
async def test_what_does_not_fit_the_present_is_confirmed(
    rig: Rig, scratch: Scratch, old: bytes, new: bytes, code: str | None
) -> None:
    scratch.commit({path("a"): old})
    scratch.commit({path("a"): new})
    await rig.outcome()
    if code is not None:
        with pytest.raises(ConfirmationNeeded, match="confirm=true") as refused:
            await rig.sync.pinning.pin(A, Order(ANN), revision=1, commit=None)
        (planned,) = refused.value.details["plan"]["flows"]
        assert [each["code"] for each in planned["concerns"]] == [code]
        assert await rig.sync.pins() == []
    await rig.sync.pinning.pin(A, Order(ANN, confirm=True), revision=1, commit=None)
    assert rig.runs("a").revision == 1
    (entry,) = await rig.audit.find(target="flow/shop.a")
    assert ("plan" in entry.detail) == (code is not None)


# -- who did what --------------------------------------------------------------------------------


async def test_everything_is_noted(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    pin = await rig.sync.pin(*A, revision=1, reason="look", actor=ANN)
    await rig.sync.unpin(*A, ANN, "seen")
    await rig.sync.rollback(*A, reason="bad", actor=ANN)
    fixed = scratch.commit({path("a"): flow("a", "4")})
    await rig.outcome()
    await rig.sync.rollback(*A, to=2, reason="bad, too", actor=ANN)
    reverted = scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    entries = (await rig.audit.find("main", "flow/shop.a"))[::-1]
    assert [(each.action, each.actor, each.reason) for each in entries] == [
        ("flow.pin", "Ann", "look"),
        ("flow.unpin", "Ann", "seen"),
        ("flow.rollback", "Ann", "bad"),
        ("pin.ended", "system", f"commit {fixed}"),
        ("flow.rollback", "Ann", "bad, too"),
        ("pin.reconciled", "system", f"reconciled by commit {reverted}"),
    ]
    assert entries[0].detail["pins"][0]["id"] == pin.id
    pins = await rig.store.pins.of_flow(A)
    assert [each.ended_by for each in pins] == [
        "Ann",
        f"commit {fixed}",
        f"reconciled by commit {reverted}",
    ]


async def test_a_manual_pin_ends_when_its_revert_is_active(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    pin = await rig.sync.rollback(*A, reason="", actor=ANN, until="manual")
    await rig.store.pins.note_revert(pin, "asked", "changeset")
    scratch.commit({path("a"): flow("a", "4")})
    assert await rig.outcome() == "SYNCED"
    assert rig.runs("a").revision == 2
    scratch.commit({path("a"): flow("a", "2")})
    assert await rig.outcome() == "SYNCED"
    assert await rig.sync.pins() == []
    assert rig.runs("a").revision == 5


async def test_what_became_of_a_revert_is_not_taken_back(rig: Rig, scratch: Scratch) -> None:
    await three(rig, scratch)
    pin = await rig.sync.rollback(*A, reason="", actor=ANN)
    await rig.store.pins.note_revert(pin, "asked", "changeset")
    await rig.store.pins.note_revert(pin, "none")  # by who has read the pin before
    (noted,) = await rig.sync.pins()
    assert (noted.revert, noted.changeset_id) == ("asked", "changeset")
    await rig.store.pins.note_revert(noted, "error: closed")
    (noted,) = await rig.sync.pins()
    assert (noted.revert, noted.changeset_id) == ("error: closed", "changeset")


async def test_a_commit_is_pinned_with_its_files(rig: Rig, scratch: Scratch) -> None:
    commits = [scratch.commit({path("a"): flow("a", "1")}), scratch.commit({"README": b"hi"})]
    scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    pin = await rig.sync.pin(*A, commit=commits[1][:8], reason="", actor=ANN)
    assert (pin.revision, pin.commit) == (1, commits[1])
    running = rig.runs("a")
    assert (running.commit, running.snapshot) == (commits[0], commits[1])
