"""Blame on the revisions of a source: across renames, redactions, deletions and many commits."""

from app.db.commits import CommitStore
from app.sync.tracing.blaming import Blames
from tests.git.scratch import Scratch
from tests.sync.rig import Rig, path


def flow(flow_id: str, first: str = "1", second: str = "1", renamed: str = "") -> bytes:
    label = f"labels: {{system.renamedFrom: {renamed}}}\n" if renamed else ""
    task = "  - {id: %s, type: io.kestra.plugin.core.log.Log, message: '%s'}\n"
    tasks = task % ("first", first) + task % ("second", second)
    return f"id: {flow_id}\n{label}tasks:\n{tasks}".encode()


async def blamed(rig: Rig, flow_id: str, namespace: str = "shop") -> dict[str, str]:
    """Return task -> the commit that it is from."""
    blames = Blames(rig.flows, CommitStore(rig.database))
    found = await blames.of(rig.runs(flow_id, namespace))
    return {x.part.id: x.origin.revision.commit for x in found if x.part.kind == "task"}


async def test_each_task_is_from_the_commit_that_wrote_it(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a")})
    second = scratch.commit({path("a"): flow("a", second="2")})
    scratch.commit({path("a"): b"# only a comment\n" + flow("a", second="2")})
    await rig.outcome()
    assert await blamed(rig, "a") == {"first": first, "second": second}


async def test_a_flow_that_was_renamed_keeps_its_authors(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a")})
    second = scratch.commit({path("a"): flow("a", second="2")})
    scratch.commit({path("a"): None, path("b"): flow("b", second="2", renamed="shop/a")})
    scratch.commit({path("b"): flow("b", second="2", renamed="shop/a") + b"# more\n"})
    await rig.outcome()
    assert rig.runs("b").revision == 2
    assert await blamed(rig, "b") == {"first": first, "second": second}


async def test_a_flow_that_came_back_begins_anew(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    scratch.commit({path("a"): None, path("z"): flow("z")})
    again = scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    assert await blamed(rig, "a") == {"first": again, "second": again}


async def test_a_long_history_is_read_as_far_as_needed(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a")})
    for number in range(250):
        last = scratch.commit({path("a"): flow("a", second=str(number))})
    await rig.outcome()
    assert rig.runs("a").revision == 251
    assert await blamed(rig, "a") == {"first": first, "second": last}
