"""Commits become revisions: what counts, what does not, and what becomes active."""

import pytest

from app.errors import Gone, NotFound
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path, until


async def test_the_tip_is_active_and_every_commit_counts(rig: Rig, scratch: Scratch) -> None:
    commits = [scratch.commit({path("a"): flow("a", f"m{n}")}) for n in range(3)]
    scratch.commit({"README.md": b"nothing to us"})
    assert await rig.outcome() == "SYNCED"
    assert await rig.active() == {"main/shop/a": flow("a", "m2")}
    revisions = await rig.history("a")
    assert [(each.revision, each.commit) for each in revisions] == list(enumerate(commits, 1))
    assert [each.state for each in revisions] == ["superseded", "superseded", "active"]
    assert (revisions[0].author_name, revisions[0].subject) == ("Ann", "A change")
    assert await rig.flows.source(revisions[0]) == flow("a", "m0").decode()


async def test_commits_between_two_syncs_are_not_swallowed(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    for number in (2, 3, 4):
        scratch.commit({path("a"): flow("a", str(number))})
    await rig.outcome()
    assert [each.revision for each in await rig.history("a")] == [1, 2, 3, 4]
    assert rig.runs("a").revision == 4


async def test_nothing_new_is_no_run_by_poll(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    before = await rig.sync.runs()
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    assert run.outcome == "NOOP"
    assert await rig.sync.runs() == before


async def test_a_deleted_flow_is_gone_but_its_revisions_stay(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    scratch.commit({path("a"): None})
    await rig.outcome()
    with pytest.raises(Gone):
        rig.runs("a")
    assert await rig.states("a") == [(1, "commit", "superseded"), (2, "delete", "active")]
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    assert rig.runs("a").revision == 3
    assert await rig.states("a") == [
        (1, "commit", "superseded"),
        (2, "delete", "superseded"),
        (3, "commit", "active"),
    ]


async def test_a_flow_deleted_before_the_first_import_is_gone_too(
    scratch: Scratch, start: Start
) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b")})
    scratch.commit({path("a"): None})
    rig = await start(repo=str(scratch.path))
    with pytest.raises(Gone):
        rig.runs("a")
    with pytest.raises(NotFound):
        rig.runs("c")
    assert rig.runs("b").revision == 1


async def test_a_moved_file_is_no_revision(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    scratch.commit({path("a"): None, path("sub/other"): flow("a")})
    assert await rig.outcome() == "SYNCED"
    assert len(await rig.history("a")) == 1
    assert rig.runs("a").path == path("sub/other")


async def test_a_flow_moved_to_another_namespace_is_another_flow(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a")})
    await rig.outcome()
    scratch.commit({path("a"): None, path("a", "shop.sub"): flow("a")})
    await rig.outcome()
    assert await rig.active() == {"main/shop.sub/a": flow("a")}
    assert rig.runs("a", "shop.sub").revision == 1


async def test_the_executable_bit_is_no_revision(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a")})
    scratch.commit({path("a"): ("100755", flow("a"))})
    await rig.outcome()
    assert len(await rig.history("a")) == 1


async def test_merges_count_once_when_they_arrive(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1")})
    scratch.commit({path("a"): flow("a", "2")}, branch="topic", parents=[base])
    side = scratch.commit({path("a"): flow("a", "3")}, branch="topic")
    other = scratch.commit({path("b"): flow("b")})
    merge = scratch.commit({path("a"): flow("a", "3")}, parents=[other, side])
    await rig.outcome()
    assert [each.commit for each in await rig.history("a")] == [base, merge]


async def test_a_foxtrot_merge_ends_at_its_tree(rig: Rig, scratch: Scratch) -> None:
    base = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1")})
    side = scratch.commit({path("b"): flow("b", "2")}, branch="topic", parents=[base])
    ours = scratch.commit({path("a"): flow("a", "2")})
    await rig.outcome()
    # The merge has the topic as its first parent: the followed branch comes in from the side.
    scratch.commit({path("a"): flow("a", "2")}, parents=[side, ours])
    await rig.outcome()
    assert await rig.active() == {"main/shop/a": flow("a", "2"), "main/shop/b": flow("b", "2")}
    assert len(await rig.history("a")) == 2


async def test_several_tenants_and_namespaces(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(
        {
            path("a"): flow("a"),
            path("a", "shop.eu"): flow("a", "eu", "shop.eu"),
            path("a", "shop", "acme"): flow("a", "acme"),
        }
    )
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a", "main/shop.eu/a", "acme/shop/a"}
    assert rig.flows.effective("acme", "shop", "a").tenant == "acme"


async def test_a_root_folder_is_all_that_counts(scratch: Scratch, start: Start) -> None:
    scratch.commit({f"deploy/{path('a')}": flow("a"), path("b"): flow("b")})
    rig = await start(repo=str(scratch.path), root="deploy")
    assert set(await rig.active()) == {"main/shop/a"}
    scratch.commit({path("b"): flow("b", "2")})
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a"}


async def test_other_files_make_a_snapshot_but_no_revision(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a"), path("b", "other"): flow("b")})
    await rig.outcome()
    second = scratch.commit({"tenants/main/namespaces/shop/files/data.csv": b"1,2"})
    await rig.outcome()
    assert (rig.runs("a").revision, rig.runs("a").commit) == (1, first)
    assert rig.runs("a").snapshot == second
    assert rig.runs("b", "other").snapshot == first


async def test_ignored_files_are_nothing_to_us(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("draft"): flow("draft")})
    await rig.outcome()
    scratch.commit({".headwaterignore": b"draft.yaml\n"})
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a"}
    scratch.commit({path("draft"): flow("draft", "2")})
    await rig.outcome()
    assert set(await rig.active()) == {"main/shop/a"}
    await rig.restart()
    scratch.commit({".headwaterignore": None})
    await rig.outcome()
    assert (await rig.active())["main/shop/draft"] == flow("draft", "2")


async def test_labels_and_description_are_at_hand(rig: Rig, scratch: Scratch) -> None:
    text = flow("a") + b"description: Say it\nlabels:\n  team: eu\ndisabled: true\n"
    scratch.commit({path("a"): text})
    await rig.outcome()
    stored = (await rig.store.activation.flows("main"))["main", "shop", "a"]
    assert stored.labels == '[{"key":"team","value":"eu"}]'
    assert (stored.description, stored.disabled) == ("Say it", True)


async def test_commits_are_listed_by_flow_and_path(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a")})
    second = scratch.commit({path("b"): flow("b")})
    await rig.outcome()
    assert [each.sha for each in await rig.sync.commits()] == [second, first]
    of_a = await rig.sync.commits(flow=("main", "shop", "a"))
    assert [each.sha for each in of_a] == [first]
    assert [each.sha for each in await rig.sync.commits(path=path("b"))] == [second]
    below = await rig.sync.commits(path="tenants/main/namespaces/shop/flows")
    assert [each.sha for each in below] == [second, first]
    with pytest.raises(NotFound, match="no source other"):
        await rig.sync.commits("other")


async def test_differences_are_unified(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", "one")})
    second = scratch.commit({path("a"): flow("a", "two").rstrip(b"\n")})
    await rig.outcome()
    text = await rig.sync.diff("main", "shop", "a", "1", second[:8])
    assert "-    message: one\n+    message: two\n\\ No newline at end of file\n" in text
    assert text.startswith(f"--- a/{path('a')}\trevision 1, commit ")
    assert await rig.sync.diff("main", "shop", "a", "1", "1") == ""
    with pytest.raises(NotFound, match="no revision 9"):
        await rig.sync.diff("main", "shop", "a", "1", "9")


async def test_a_push_is_active_within_a_poll(scratch: Scratch, start: Start) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    rig = await start(repo=str(scratch.path), poll_seconds=0.1)
    scratch.commit({path("a"): flow("a", "2")})
    await until(lambda: rig.runs("a").revision == 2)
    await rig.sync.sync(cause="poll")  # or the run that did it may not be stored yet
    assert (await rig.sync.runs())[0].cause == "poll"
