"""Laws of reverts and changesets, over random histories."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Conflict, MergeConflict
from app.git import location
from app.git.draft import Person
from app.git.layout import Layout
from app.git.mirror import Mirror
from app.git.trees import ls_tree, tree_of
from app.git.writer import Writer
from app.sync.changesets.restoring import put_back
from app.sync.changesets.undoing import newest_first, undo
from app.sync.model import Actor
from tests.git.scratch import Scratch
from tests.sync.rig import path

ANN = Actor("Ann", "ann@example.org")
NAMES = st.sampled_from(["a", "b", "c"])
CONTENTS = st.one_of(
    st.none(), st.lists(st.sampled_from([b"x\n", b"y\n", b"z\n"]), max_size=6).map(b"".join)
)
HISTORIES = st.lists(st.dictionaries(NAMES, CONTENTS, min_size=1), min_size=2, max_size=6)

COUNT = iter(range(1_000_000))


class Bench:
    """What `undo` needs of an origin, on a repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.scratch = Scratch(folder / "remote.git")
        self.mirror = Mirror(folder / "mirror", location.local(self.scratch.path))
        self.ref = "main"
        self.commits: list[str] = []

    @property
    def layout(self) -> Layout:
        return Layout()

    def play(self, history: list[dict[str, bytes | None]]) -> None:
        there: set[str] = set()
        for number, changes in enumerate(history):
            named = {path(name): data for name, data in changes.items()}
            wanted = {n: d for n, d in named.items() if d is not None or n in there}
            wanted |= {path(f"n{number}"): b"new\n"}
            there |= set(wanted)
            self.commits.append(self.scratch.commit(wanted))
        self.mirror.fetch()

    def tree(self, commit: str) -> str:
        return tree_of(self.mirror.objects, commit) or ""

    def files(self, commit: str) -> dict[str, str]:
        return {each.path: each.oid for each in ls_tree(self.mirror.disk.launcher, commit)}

    def built(self, undoing: Any, tip: str) -> str:
        build = undoing.built("Undo", "", ANN, "1")
        return str(build(self, Writer(self.mirror, Person("B", "b@example.org")), tip))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


LAW = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LAW
@given(HISTORIES, st.data())
def test_reverting_the_last_commits_gives_what_was_before(
    folder: Path, history: list[dict[str, bytes | None]], data: st.DataObject
) -> None:
    bench = Bench(folder / str(next(COUNT)))
    bench.play(history)
    keep = data.draw(st.integers(1, len(history) - 1))
    last = data.draw(st.permutations(bench.commits[keep:]))
    tip = bench.commits[-1]
    assert newest_first(bench, last) == bench.commits[keep:][::-1]  # type: ignore[arg-type]
    wanted = bench.tree(bench.commits[keep - 1])
    for way in (undo, put_back):
        sha = bench.built(way(bench, last), tip)  # type: ignore[arg-type]
        assert bench.tree(sha) == wanted
        assert bench.scratch.git("rev-list", "--count", tip) == str(len(history))
    bench.mirror.close()


@LAW
@given(HISTORIES, st.data())
def test_a_revert_touches_only_what_its_commit_touched_or_conflicts(
    folder: Path, history: list[dict[str, bytes | None]], data: st.DataObject
) -> None:
    bench = Bench(folder / str(next(COUNT)))
    bench.play(history)
    at = data.draw(st.integers(1, len(history) - 1))
    bad, tip = bench.commits[at], bench.commits[-1]
    before, after = bench.files(bench.commits[at - 1]), bench.files(bad)
    touched = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    now = bench.files(tip)
    back = bench.files(bench.built(put_back(bench, [bad]), tip))  # type: ignore[arg-type]
    assert back == {
        name: oid
        for name in {*now, *before}
        if (oid := before.get(name) if name in touched else now.get(name))
    }
    try:
        sha = bench.built(undo(bench, [bad]), tip)  # type: ignore[arg-type]
    except (MergeConflict, Conflict):
        pass
    else:
        reverted = bench.files(sha)
        changed = {each for each in {*now, *reverted} if now.get(each) != reverted.get(each)}
        assert changed <= touched
    bench.mirror.close()
