"""The merge result, on real repositories with `refs/pull/<n>/head`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import RefNotFound
from app.git.location import local
from app.git.mirror import Mirror
from app.sync.review import checks
from app.sync.review.merging import Sides, fetch_sides, forget_head, merged
from tests.git.scratch import Scratch
from tests.sync.rig import flow, path


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    scratch = Scratch(tmp_path / "served" / "acme.git")
    scratch.commit({path("a"): flow("a"), path("b"): flow("b")})
    return scratch


@pytest.fixture
def mirror(tmp_path: Path, scratch: Scratch) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror.git", local(scratch.path)) as mirror:
        yield mirror


def propose(scratch: Scratch, number: int, changes: dict[str, bytes | None]) -> str:
    head = scratch.commit(dict(changes), branch="topic", parents=[scratch.tip()])
    scratch.git("update-ref", f"refs/pull/{number}/head", head)
    scratch.git("update-ref", "-d", "refs/heads/topic")  # as for a fork: no branch has it
    return head


def names(mirror: Mirror, tree: str) -> dict[str, str]:
    listed = mirror.disk.launcher.run(["ls-tree", "-r", tree]).text.splitlines()
    return {line.split("\t")[1]: line.split()[2] for line in listed}


def test_the_head_of_a_fork_comes_from_the_base_repository(
    mirror: Mirror, scratch: Scratch
) -> None:
    head = propose(scratch, 7, {path("n"): flow("n")})
    sides = fetch_sides(mirror, "main", "refs/pull/7/head", 7)
    assert sides == Sides(scratch.tip(), head)
    assert mirror.branches() == {}, "the sync loop sees nothing of it"
    result = merged(mirror, sides)
    assert result.is_clean
    assert path("n") in names(mirror, result.tree)


def test_what_merges_is_the_newest_base_with_the_head(mirror: Mirror, scratch: Scratch) -> None:
    propose(scratch, 7, {path("n"): flow("n")})
    scratch.commit({path("later"): flow("later"), path("b"): None})
    result = merged(mirror, fetch_sides(mirror, "main", "refs/pull/7/head", 7))
    assert result.is_clean
    assert set(names(mirror, result.tree)) == {path("a"), path("n"), path("later")}


def test_both_changed_the_same_lines(mirror: Mirror, scratch: Scratch) -> None:
    propose(scratch, 7, {path("a"): flow("a", "theirs")})
    scratch.commit({path("a"): flow("a", "ours")})
    result = merged(mirror, fetch_sides(mirror, "main", "refs/pull/7/head", 7))
    assert not result.is_clean
    assert [each.path for each in result.clashes] == [path("a")]
    assert result.clashes[0].hunks


def test_no_common_history_is_a_clash(mirror: Mirror, scratch: Scratch) -> None:
    lonely = scratch.commit({"x": b"x"}, branch="lonely", parents=[])
    scratch.git("update-ref", "refs/pull/7/head", lonely)
    result = merged(mirror, fetch_sides(mirror, "main", "refs/pull/7/head", 7))
    assert "no history" in result.clashes[0].message


def test_a_merge_group_is_fetched_by_its_id(mirror: Mirror, scratch: Scratch) -> None:
    group = scratch.commit({path("g"): flow("g")}, branch="q", parents=[scratch.tip()])
    sides = fetch_sides(mirror, "refs/heads/main", group, 0)
    assert sides.head == group
    assert merged(mirror, sides).is_clean
    assert fetch_sides(mirror, "main", group, 0) == sides


def test_what_is_not_there_is_named(mirror: Mirror, scratch: Scratch) -> None:
    with pytest.raises(RefNotFound):
        fetch_sides(mirror, "main", "refs/pull/8/head", 8)
    with pytest.raises(RefNotFound):
        fetch_sides(mirror, "gone", "refs/pull/8/head", 8)


def test_a_head_is_let_go(mirror: Mirror, scratch: Scratch) -> None:
    propose(scratch, 7, {path("n"): flow("n")})
    fetch_sides(mirror, "main", "refs/pull/7/head", 7)
    forget_head(mirror, 7)
    forget_head(mirror, 7)
    assert not [name for name in mirror.kept() if "head/7" in name]


def test_very_many_clashes_take_no_memory(mirror: Mirror, scratch: Scratch) -> None:
    """A fork that begins at an old commit clashes wherever the base went on, in long lines."""
    old = scratch.tip()
    names = [f"f{number}.txt" for number in range(120)]
    scratch.commit(dict.fromkeys(names, b"ours\n"))
    long = b"x" * 200_000
    head = scratch.commit(dict.fromkeys(names, long), branch="topic", parents=[old])
    scratch.git("update-ref", "refs/pull/7/head", head)
    result = merged(mirror, fetch_sides(mirror, "main", "refs/pull/7/head", 7))
    assert len(result.clashes) == 120
    kept = sum(len(hunk.ours) + len(hunk.theirs) for each in result.clashes for hunk in each.hunks)
    assert 0 < kept < 2_000_000


@pytest.mark.parametrize(
    "name",
    ["a\nb", "tab\there", 'quo"te', "-n", ":(glob)x", "CONFLICT (x)", "7", "ümläut", "\x1b[2J"],
)
def test_hostile_paths_clash_under_their_names(mirror: Mirror, scratch: Scratch, name: str) -> None:
    old = scratch.tip()
    scratch.commit({name: b"ours\n", "other": b"ours\n"})
    head = scratch.commit({name: b"a\n", "other": b"b\n"}, branch="topic", parents=[old])
    scratch.git("update-ref", "refs/pull/7/head", head)
    result = merged(mirror, fetch_sides(mirror, "main", "refs/pull/7/head", 7))
    told = {each.path: each.message for each in result.clashes}
    assert len(told) == 2
    assert "other" in told
    summary = checks.conflicting(result.clashes, "main").summary
    assert sum(line.startswith("|") for line in summary.splitlines()) == 2 + len(told)
    assert "\x1b" not in summary
    assert all(message.startswith("CONFLICT (add/add)") for message in told.values())
