"""History: what is streamed is what the trees say, from scratch or in pieces."""

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import MirrorCorrupt, ObjectMissing, RefNotFound
from app.git import location
from app.git.environment import hardened
from app.git.history import SUBMODULE, SYMLINK, CommitChange, commit_of, history, unexplained
from app.git.mirror import Mirror
from app.git.process import Launcher
from app.git.trees import ls_tree
from tests.git.scratch import Content, Scratch, loosen


def read(mirror: Mirror, tip: str, **options: str) -> list[CommitChange]:
    return list(history(mirror.disk.launcher, tip, **options))


def test_fields(mirror: Mirror, scratch: Scratch) -> None:
    first = scratch.commit({"a": b"1"}, subject="Start: ünïcode \x01", author="Zoë 中 <z@x>")
    second = scratch.commit({"a": b"2"}, subject="Two\nlines\n\nand a body")
    mirror.fetch()
    one, two = read(mirror, second)
    assert one.commit.sha == first
    assert one.commit.first_parent is None
    assert one.commit.author_name == "Zoë 中"
    assert one.commit.author_email == "z@x"
    assert one.commit.subject == "Start: ünïcode \x01"
    assert one.commit.authored_at == 1_700_000_060_000_000
    assert two.commit.first_parent == first
    assert two.commit.subject == "Two lines"
    assert one.changes == [("A", "a", None, scratch.git("rev-parse", f"{first}:a"), 0o100644)]
    assert [change.status for change in two.changes] == ["M"]
    assert commit_of(mirror.disk.launcher, second) == two.commit


def test_statuses_modes_and_odd_paths(mirror: Mirror, scratch: Scratch) -> None:
    paths: dict[str, Content] = {
        "ä ö": b"1",
        'quo"te': b"2",
        "tab\tline\nfeed": b"3",
        ":100644": b"4",
        "bytes\udcff": b"5",
        "link": ("120000", b"/etc/passwd"),
        "sub": ("160000", "a" * 40),
        "run": ("100755", b"#!"),
        "turn": b"file",
    }
    scratch.commit(paths)
    scratch.commit({"ä ö": None, "run": ("100644", b"#!"), "turn": ("120000", b"x")})
    scratch.commit({})
    mirror.fetch()
    one, two, three = read(mirror, scratch.tip())
    assert {change.path for change in one.changes} == set(paths)
    modes = {change.path: change.mode for change in one.changes}
    assert (modes["link"], modes["sub"], modes["run"]) == (SYMLINK, SUBMODULE, 0o100755)
    assert {(c.path, c.status) for c in two.changes} == {("ä ö", "D"), ("run", "M"), ("turn", "T")}
    assert three.changes == []


def test_merge_counts_against_its_first_parent(mirror: Mirror, scratch: Scratch) -> None:
    base = scratch.commit({"a": b"1"})
    side = scratch.commit({"b": b"2"}, branch="side", parents=[base])
    main = scratch.commit({"c": b"3"})
    merge = scratch.commit({"b": b"2"}, parents=[main, side])
    mirror.fetch()
    commits = read(mirror, merge)
    assert [change.commit.sha for change in commits] == [base, main, merge]
    assert commits[-1].commit.is_merge
    assert [change.path for change in commits[-1].changes] == ["b"]


def test_root_limits_changes_not_commits(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"in/a": b"1", "out/a": b"1"})
    scratch.commit({"out/a": b"2"})
    scratch.commit({"in/*": b"3", "inside": b"x"})
    mirror.fetch()
    found = read(mirror, scratch.tip(), root="in")
    assert [[change.path for change in commit.changes] for commit in found] == [
        ["in/a"],
        [],
        ["in/*"],
    ]


def test_odd_dates(mirror: Mirror, scratch: Scratch) -> None:
    tree = scratch.git("mktree")
    for date in ("99999999999999999999 +0000", "0 +9999"):
        text = f"tree {tree}\nauthor A <a> {date}\ncommitter A <a> {date}\n\nx\n"
        sha = scratch.git(
            "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode()
        )
        scratch.git("update-ref", "refs/heads/main", sha)
        [change] = history(_launcher(scratch), sha)
        assert isinstance(change.commit.authored_at, int)


def test_closing_early_ends_git(mirror: Mirror, scratch: Scratch) -> None:
    for number in range(50):
        scratch.commit({"a": os.urandom(4000), f"f{number}": b"x"})
    mirror.fetch()
    stream = history(mirror.disk.launcher, scratch.tip())
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert len(read(mirror, scratch.tip())) == 50


def test_missing(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"x/a": b"1"})
    sha = scratch.commit({"x/a": b"2"})
    mirror.fetch()
    with pytest.raises(ObjectMissing):
        read(mirror, "f" * 40)
    with pytest.raises(RefNotFound):
        read(mirror, "--output=/tmp/x")
    loosen(mirror.folder)
    tree = scratch.git("rev-parse", f"{sha}:x")
    (mirror.folder / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(MirrorCorrupt):
        read(mirror, sha)


def _launcher(scratch: Scratch) -> Launcher:
    return Launcher(scratch.path, hardened(scratch.path))


# -- any history ----------------------------------------------------------------------------------

CONTENTS = [b"1", b"2", b"3"]
PATHS = st.sampled_from(["a", "b", "n/a", "n/b", "n/m/c", "z"])
FILES = st.dictionaries(PATHS, st.one_of(st.none(), st.sampled_from(CONTENTS)), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), FILES),
        st.tuples(st.just("rename"), st.tuples(PATHS, PATHS)),
        st.tuples(st.just("branch"), FILES),
        st.tuples(st.just("merge"), FILES),
        st.tuples(st.just("foxtrot"), FILES),
        st.tuples(st.just("force"), FILES),
        st.tuples(st.just("fetch"), st.none()),
    ),
    min_size=1,
    max_size=9,
)
_numbers = itertools.count()


class Walk:
    """Plays steps on a repository and follows them with a mirror, as a sync does."""

    def __init__(self, folder: Path) -> None:
        self.scratch = Scratch(folder / "origin.git")
        self.mirror = Mirror(folder / "mirror", location.local(self.scratch.path))
        self.state: dict[str, str] = {}
        self.seen: list[str] = []
        self.base: str | None = None
        self.forced = False

    def play(self, kind: str, what: object) -> None:
        if kind == "fetch":
            self.follow()
        elif kind == "rename" and isinstance(what, tuple):
            source, target = what
            held = self.files()
            if source in held and not _clash(target, held):
                self.scratch.commit({source: None, target: held[source]})
        elif isinstance(what, dict):
            self.change(kind, what)

    def change(self, kind: str, files: dict[str, Content]) -> None:
        branches = self.scratch.git("for-each-ref", "--format=%(refname:short)").split()
        main = self.scratch.tip() if "main" in branches else None
        side = self.scratch.tip("side") if "side" in branches else None
        if kind == "branch" and main:
            self.scratch.commit(files, branch="side", parents=[side or main])
        elif kind == "merge" and main and side:
            self.scratch.commit(files, parents=[main, side])
        elif kind == "foxtrot" and main and side:
            self.scratch.commit(files, parents=[side, main])
        elif kind == "force" and main:
            older = self.scratch.git("rev-list", "--max-count=3", main).split()[-1]
            self.scratch.commit(files, parents=[older])
        elif kind == "commit":
            self.scratch.commit(files)

    def files(self) -> dict[str, bytes]:
        if not self.scratch.git("for-each-ref", "refs/heads/main"):
            return {}
        blobs = {self.scratch.git("hash-object", "--stdin", stdin=data): data for data in CONTENTS}
        lines = self.scratch.git("ls-tree", "-r", "main").splitlines()
        pairs = (line.split("\t") for line in lines)
        return {path: blobs[head.split()[2]] for head, path in pairs}

    def follow(self) -> None:
        """Fetch and apply what is new: by history, then what no commit of it explains."""
        for change in self.mirror.fetch():
            if change.branch != "main" or change.new is None:
                continue
            launcher = self.mirror.disk.launcher
            assert change.old is None or self.mirror.has(change.old)
            self.forced |= change.forced
            commits = list(history(launcher, change.new, base=change.old))
            for commit, changes in commits:
                self.seen.append(commit.sha)
                self.apply(changes)
            parent = commits[0].commit.first_parent if commits else ""
            if change.old is not None and parent != change.old:
                paths = {path for _, changes in commits for _, path, *_ in changes}
                self.apply(unexplained(launcher, change.old, change.new, paths))
            assert self.state == self.tree(change.new)

    def apply(self, changes: list) -> None:  # type: ignore[type-arg]  # of Change
        for change in changes:
            if change.new_blob is None:
                self.state.pop(change.path, None)
            else:
                self.state[change.path] = change.new_blob

    def tree(self, tip: str) -> dict[str, str]:
        return {entry.path: entry.oid for entry in ls_tree(self.mirror.disk.launcher, tip)}


def _clash(target: str, held: dict[str, bytes]) -> bool:
    return any(target.startswith(f"{name}/") or name.startswith(f"{target}/") for name in held)


@settings(max_examples=25)
@given(steps=STEPS)
def test_incremental_history_is_the_history_from_scratch(
    steps: list[tuple[str, object]],
) -> None:
    """After any pushes, in any portions: the state by changes is the tree.

    Without force pushes no commit is seen twice; without those and foxtrot merges the portions
    together are the whole history.
    """
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder))
        with walk.mirror:
            for kind, what in steps:
                walk.play(kind, what)
            walk.follow()
            if not walk.scratch.git("for-each-ref", "refs/heads/main"):
                return
            tip = walk.scratch.tip()
            assert walk.state == walk.tree(tip)
            assert walk.forced or len(set(walk.seen)) == len(walk.seen)
            whole = list(history(walk.mirror.disk.launcher, tip))
            replayed: dict[str, str] = {}
            walk.state = replayed
            for _, changes in whole:
                walk.apply(changes)
            assert replayed == walk.tree(tip)
            linear = not walk.forced and all(kind != "foxtrot" for kind, _ in steps)
            if linear:
                assert walk.seen == [commit.sha for commit, _ in whole]
            walk.mirror.verify()
