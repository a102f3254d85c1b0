"""Trees of Git, of a folder and of memory are the same tree."""

from pathlib import Path

import pytest

from app.git.clone import open_clone
from app.git.layout import Layout
from app.git.survey import SizeLimits
from app.sync.planning.files import (
    CommitFiles,
    Files,
    FolderFiles,
    GivenFiles,
    Overlaid,
    Without,
    blob_id,
)
from app.sync.planning.memory import Memory
from app.sync.planning.plan import make_change_plan
from app.sync.planning.tree import TreeView
from tests.git.scratch import Scratch
from tests.planning.rig import FLOWS, NOW, SPACE, TYPES, call, flow, view

TREE = {
    f"{FLOWS}/a.yaml": flow("a").encode(),
    f"{FLOWS}/b.yml": flow("b", call("a")).encode(),
    f"{SPACE}/files/ü.txt": "grün".encode(),
    "CODEOWNERS": b"* @team\n",
    ".github/x": b"hidden",
}


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "served.git")


def test_all_forms_are_one_tree(tmp_path: Path, scratch: Scratch) -> None:
    commit = scratch.commit(dict(TREE))
    for path, data in TREE.items():
        (tmp_path / "disk" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "disk" / path).write_bytes(data)
    with open_clone(scratch.path) as clone:
        forms: list[Files] = [
            CommitFiles(clone.launcher, clone.objects, commit),
            FolderFiles(tmp_path / "disk"),
            GivenFiles(TREE),
        ]
        listed = [
            {each.path: (each.oid, each.size) for each in form.entries() if each.path[0] != "."}
            for form in forms
        ]
        assert listed[0] == listed[1] == listed[2]
        views = [TreeView(form, Layout(), Memory(TYPES)) for form in forms]
        for other in views[1:]:
            assert not list(make_change_plan(views[0], other).namespaces)
        assert {form.read_at(".github/x") for form in forms} == {b"hidden"}
        assert {form.read_at("nothing") for form in forms} == {None}


def test_a_merge_result_is_a_tree_without_a_commit(scratch: Scratch) -> None:
    base = scratch.commit(dict(TREE))
    head = scratch.commit({f"{FLOWS}/a.yaml": flow("a", description="x").encode()})
    tree = scratch.git("rev-parse", f"{head}^{{tree}}")
    with open_clone(scratch.path) as clone:
        memory = Memory(TYPES)
        views = [
            TreeView.of_commit(clone.launcher, clone.objects, each, Layout(), memory)
            for each in (base, head, tree)
        ]
        by_commit, by_tree = (make_change_plan(views[0], each, now=NOW) for each in views[1:])
    assert by_commit.namespaces == by_tree.namespaces
    assert by_commit.counts == {"changed": 1}


def test_sha256(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "other.git", object_format="sha256")
    commit = scratch.commit(dict(TREE))
    with open_clone(scratch.path) as clone:
        found = {each.oid for each in CommitFiles(clone.launcher, clone.objects, commit).entries()}
        assert found == {blob_id(data, "sha256") for data in TREE.values()}
        assert clone.algorithm == "sha256"


def test_links_are_never_followed(tmp_path: Path, scratch: Scratch) -> None:
    folder = tmp_path / "disk"
    (folder / FLOWS).mkdir(parents=True)
    (folder / "secret.yaml").write_text(flow("a"))
    (folder / f"{FLOWS}/a.yaml").symlink_to(folder / "secret.yaml")
    (folder / f"{SPACE}/files").symlink_to(folder)
    found = make_change_plan(None, TreeView(FolderFiles(folder), Layout(), Memory(TYPES)))
    assert {each.code for each in found.findings} == {"SYMLINK"}
    assert not list(found.flows)
    (folder / "CODEOWNERS").symlink_to(folder / "secret.yaml")
    assert FolderFiles(folder).read_at("CODEOWNERS") is None
    commit = scratch.commit({f"{FLOWS}/a.yaml": ("120000", b"../../x")})
    with open_clone(scratch.path) as clone:
        view_ = TreeView.of_commit(clone.launcher, clone.objects, commit, Layout(), Memory(TYPES))
        assert [each.code for each in make_change_plan(None, view_).findings] == ["SYMLINK"]


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    tree = view({f"{FLOWS}/a.yaml": flow("a", description="x" * 500)})
    tree.limits = SizeLimits(document=100)
    assert [each.code for each in make_change_plan(None, tree).findings] == ["TOO_LARGE"]
    large = tmp_path / SPACE / "files" / "large.bin"
    large.parent.mkdir(parents=True)
    with large.open("wb") as file:
        file.truncate(60 * 1024**2)
    on_disk = TreeView(FolderFiles(tmp_path), Layout(), Memory(TYPES))
    assert [each.code for each in make_change_plan(None, on_disk).findings] == ["TOO_LARGE"]


def test_a_root_that_is_not_there(scratch: Scratch) -> None:
    commit = scratch.commit({"README": b"x", "CODEOWNERS": b"* @all\n"})
    with open_clone(scratch.path) as clone:
        layout = Layout("native", "flows")
        tree = TreeView.of_commit(clone.launcher, clone.objects, commit, layout, Memory(TYPES))
        assert make_change_plan(None, tree).is_empty
        assert tree.owners.written("x") == ("@all",)


def test_trees_over_trees() -> None:
    under, over = GivenFiles(TREE), GivenFiles({"CODEOWNERS": b"* @other\n", "new": b"1"})
    both = Overlaid(under, over)
    paths = [each.path for each in both.entries()]
    assert paths == sorted([*TREE, "new"])
    oids = [each.oid for each in both.entries()]
    assert [oid for oid, _ in both.read_many(oids)] == oids
    assert all(blob_id(data) == oid for oid, data in both.read_many(oids))
    assert both.read_at("CODEOWNERS") == b"* @other\n"
    assert both.read_at(".github/x") == b"hidden"
    less = Without(under, lambda path: path.startswith("tenants/"))
    assert [each.path for each in less.entries()] == [".github/x", "CODEOWNERS"]


def test_what_was_read_is_not_read_again(scratch: Scratch) -> None:
    class Counting(GivenFiles):
        read = 0

        def read_many(self, oids):  # type: ignore[no-untyped-def]  # as its parent
            wanted = list(oids)
            type(self).read += len(wanted)
            return super().read_many(wanted)

    memory = Memory(TYPES)
    files = {f"{FLOWS}/f{number}.yaml": flow(f"f{number}").encode() for number in range(100)}
    changed = {**files, f"{FLOWS}/f1.yaml": flow("f1", call("f2")).encode()}

    def plan() -> int:
        before = Counting.read
        trees = [TreeView(Counting(each), Layout(), memory) for each in (files, changed)]
        assert make_change_plan(*trees).counts == {"changed": 1}
        return Counting.read - before

    assert plan() > 100
    assert plan() <= 10
