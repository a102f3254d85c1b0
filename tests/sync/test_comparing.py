"""What revisions on the way amount to, and what a renamed flow takes along."""

import pytest

from app.db.activation import Activation
from app.db.key_values import SqlKeyValues
from app.db.trigger_records import TriggerState
from app.db.triggers import TriggerStore
from app.ports import KeyValue
from app.sync.comparing import is_same
from tests.git.scratch import Scratch
from tests.sync.rig import BROKEN, Rig, flow, path

CRON = b"""id: %s
%stasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
triggers:
  - {id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 9 * * *"}
"""
LABEL = b"labels:\n  system.renamedFrom: %s\n"
KEY = ("main", "shop", "old")


async def settled(rig: Rig) -> None:
    await rig.outcome()
    await rig.sync.reporter.settled()
    await rig.sync.comparer.settled()


async def semantic(rig: Rig, flow_id: str) -> list[tuple[int, int | None]]:
    rows = await rig.database.fetch_sql(
        "SELECT revision, semantic FROM flow_revision WHERE flow_id = ? ORDER BY revision", flow_id
    )
    return [(row.revision, row.semantic) for row in rows]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a: 1\nb: 2\n", "# why\nb: 2\na:   1", True),
        ("a: 1", "a: true", False),
        ("a: 1", "a: 1.0", False),
        ("a: '1'", 'a: "1"', True),
        ("a: [1, 2]", "a: [2, 1]", False),
        ("a: [", "a: [", False),
        ("&x a: 1", "a: 1", True),
    ],
)
def test_what_is_the_same_document(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same


async def test_another_text_of_the_same_document_is_told(rig: Rig, scratch: Scratch) -> None:
    text = flow("a")
    for data in (text, b"# a comment\n" + text, flow("a", "new"), None, text):
        scratch.commit({path("a"): data})
    await settled(rig)
    assert await semantic(rig, "a") == [(1, 1), (2, 0), (3, 1), (4, 1), (5, 1)]
    told = [each.semantic for each in await rig.history("a")]
    assert told == [True, False, True, True, True]


async def test_invalid_revisions_on_the_way_are_told(rig: Rig, scratch: Scratch) -> None:
    for data in (flow("a", "1"), BROKEN.replace(b"broken", b"a"), flow("a", "2"), flow("a", "3")):
        scratch.commit({path("a"): data})
    await settled(rig)
    assert [state for _, _, state in await rig.states("a")] == [
        "superseded",
        "invalid",
        "superseded",
        "active",
    ]
    # Once judged, never again: what a later commit brings is looked at alone.
    scratch.commit({path("a"): flow("a", "4")})
    await settled(rig)
    assert [state for _, _, state in await rig.states("a")] == [
        "superseded",
        "invalid",
        "superseded",
        "superseded",
        "active",
    ]


async def test_what_is_redacted_is_left_alone(rig: Rig, scratch: Scratch) -> None:
    for number in "12":
        scratch.commit({path("a"): flow("a", number)})
    await settled(rig)
    first = (await rig.history("a"))[0]
    await rig.database.fetch_sql("SELECT 1")
    await rig.store.activation.activate(
        Activation("main", 1, states=[(("main", "shop", "a"), first.revision, "redacted")])
    )
    scratch.commit({path("a"): flow("a", "3")})
    await settled(rig)
    assert (await rig.states("a"))[0] == (1, "commit", "redacted")


# -- renames -------------------------------------------------------------------------------------


def scheduled(flow_id: str, renamed_from: str = "") -> bytes:
    label = LABEL % renamed_from.encode() if renamed_from else b""
    return CRON % (flow_id.encode(), label)


async def with_cursor(rig: Rig, scratch: Scratch) -> TriggerState:
    """Make a flow whose trigger has fired, and a pair of its namespace."""
    scratch.commit({path("old"): scheduled("old")})
    await rig.outcome()
    state = TriggerState(
        *KEY, "daily", "Schedule", fingerprint="f", date=1, next_at=2, updated_at=3
    )
    await TriggerStore(rig.database).replace(KEY, "blob", [state], [])
    await SqlKeyValues(rig.database, rig.clock).put(
        "main", "shop", KeyValue("cursor", "STRING", "7", None, 1, 1, None)
    )
    return state


async def pairs(rig: Rig, namespace: str) -> list[str]:
    rows = await rig.database.fetch_sql(
        "SELECT key FROM key_value WHERE namespace = ? ORDER BY key", namespace
    )
    return [row.key for row in rows]


async def renamed_from(rig: Rig, flow_id: str, namespace: str) -> str | None:
    rows = await rig.database.fetch_sql(
        "SELECT renamed_from FROM flow_revision WHERE flow_id = ? AND namespace = ?"
        " AND revision = 1",
        flow_id,
        namespace,
    )
    name: str | None = rows[0].renamed_from
    return name


async def test_with_the_label_a_renamed_flow_takes_its_cursor_along(
    rig: Rig, scratch: Scratch
) -> None:
    old = await with_cursor(rig, scratch)
    scratch.commit({path("old"): None, path("new", "web"): scheduled("new", "shop/old")})
    assert await rig.outcome() == "SYNCED"
    [state] = await TriggerStore(rig.database).of_flow(("main", "web", "new"))
    assert (state.fingerprint, state.date, state.next_at) == (old.fingerprint, 1, 2)
    assert await pairs(rig, "web") == ["cursor"]
    assert await renamed_from(rig, "new", "web") == "shop.old"
    assert rig.runs("new", "web").revision == 1


async def test_without_the_label_it_begins_anew(rig: Rig, scratch: Scratch) -> None:
    await with_cursor(rig, scratch)
    scratch.commit({path("old"): None, path("old", "web"): scheduled("old")})
    assert await rig.outcome() == "SYNCED"
    assert await TriggerStore(rig.database).of_flow(("main", "web", "old")) == []
    assert await pairs(rig, "web") == []
    assert await renamed_from(rig, "old", "web") == "shop.old"  # it is told all the same


async def test_a_label_takes_nothing_from_a_flow_that_goes_on(rig: Rig, scratch: Scratch) -> None:
    await with_cursor(rig, scratch)
    scratch.commit({path("new", "web"): scheduled("new", "shop/old")})
    assert await rig.outcome() == "SYNCED"
    assert await TriggerStore(rig.database).of_flow(("main", "web", "new")) == []
    assert await pairs(rig, "web") == []


async def test_where_a_flow_has_been(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a")})
    moved = scratch.commit({path("a"): None, path("sub/b"): flow("a")})
    await rig.outcome()
    found = await rig.store.revisions.paths(("main", "shop", "a"))
    assert [(each.path, each.commit) for each in found] == [
        (path("a"), first),
        (path("sub/b"), moved),
    ]
    assert [each.revision for each in await rig.history("a")] == [1]
    [move] = await rig.store.revisions.file_moves(("main", "shop", "a"))
    assert (move.old, move.new, move.commit) == (path("a"), path("sub/b"), moved)
    assert (move.author, move.at > 0) == ((await rig.sync.commits())[0].author_name, True)
