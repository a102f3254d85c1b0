"""The working folder as commits: what changes, what does not, what is never followed."""

import os
import subprocess
from pathlib import Path

import pytest

from app.git import location
from app.git.history import commit_of, history
from app.git.layout import Layout
from app.git.mirror import Mirror
from app.git.trees import ls_tree
from app.git.worktree import WorkingFolder, author_of
from tests.git.conftest import MakeMirror

NS = "tenants/main/namespaces/demo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    write(path, f"{NS}/flows/a.yaml", "id: a\n")
    write(path, f"{NS}/files/run.sh", "#!/bin/sh\n").chmod(0o755)
    write(path, "README.md", "no part of it")
    write(path, "node_modules/x/tenants/y.yaml", "x")
    return path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def paths(mirror: Mirror, commit: str | None) -> set[str]:
    assert commit is not None
    return {entry.path for entry in ls_tree(mirror.disk.launcher, commit)}


def test_snapshots(own: Mirror, folder: Path) -> None:
    working = WorkingFolder(folder, own, Layout())
    one = working.snapshot()
    assert paths(own, one) == {f"{NS}/flows/a.yaml", f"{NS}/files/run.sh"}
    assert one is not None
    assert commit_of(own.disk.launcher, one).subject == "Working directory"
    modes = {entry.path: entry.mode for entry in ls_tree(own.disk.launcher, one)}
    assert modes[f"{NS}/files/run.sh"] == 0o100755
    assert working.snapshot() == one

    write(folder, f"{NS}/flows/b.yaml", "id: b\n")
    (folder / f"{NS}/flows/a.yaml").unlink()
    two = working.snapshot()
    assert two is not None
    assert paths(own, two) == {f"{NS}/flows/b.yaml", f"{NS}/files/run.sh"}
    changes = list(history(own.disk.launcher, two, base=one))
    assert [change.status for change in changes[0].changes] == ["D", "A"]
    assert own.tip("main") == two


def test_same_size_in_the_same_moment_is_seen(own: Mirror, folder: Path) -> None:
    working = WorkingFolder(folder, own, Layout())
    one = working.snapshot()
    path = folder / f"{NS}/flows/a.yaml"
    times = path.stat()
    path.write_text("id: b\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert working.snapshot() != one


def test_nothing_is_read_when_nothing_moved(
    own: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = 1_600_000_000
    for path in folder.rglob("*"):
        os.utime(path, (old, old))
    working = WorkingFolder(folder, own, Layout())
    one = working.snapshot()

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened or a process started")

    monkeypatch.setattr(os, "open", forbidden)
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    assert working.snapshot() == one


def test_after_a_restart_nothing_is_committed_again(own: Mirror, folder: Path) -> None:
    one = WorkingFolder(folder, own, Layout()).snapshot()
    assert WorkingFolder(folder, own, Layout()).snapshot() == one
    write(folder, f"{NS}/flows/a.yaml", "id: changed\n")
    assert WorkingFolder(folder, own, Layout()).snapshot() != one


def test_only_the_mode_changed(own: Mirror, folder: Path) -> None:
    working = WorkingFolder(folder, own, Layout())
    one = working.snapshot()
    (folder / f"{NS}/files/run.sh").chmod(0o644)
    two = working.snapshot()
    assert two != one
    assert two is not None
    assert {entry.mode for entry in ls_tree(own.disk.launcher, two)} == {0o100644}


def test_links_are_recorded_and_never_followed(own: Mirror, folder: Path, tmp_path: Path) -> None:
    secret = write(tmp_path, "outside/secret.yaml", "id: secret\n")
    (folder / f"{NS}/flows/link.yaml").symlink_to(secret)
    (folder / "tenants/main/namespaces/linked").symlink_to(tmp_path / "outside")
    (folder / f"{NS}/flows/loop").symlink_to(folder)
    os.mkfifo(folder / f"{NS}/files/pipe")
    working = WorkingFolder(folder, own, Layout())
    one = working.snapshot()
    assert one is not None
    entries = {entry.path: entry for entry in ls_tree(own.disk.launcher, one)}
    assert entries[f"{NS}/flows/link.yaml"].mode == 0o120000
    assert own.objects.read(entries[f"{NS}/flows/link.yaml"].oid) == str(secret).encode()
    assert entries["tenants/main/namespaces/linked"].mode == 0o120000
    assert not any("secret.yaml" in path for path in entries)


def test_a_folder_takes_the_place_of_a_file_and_back(own: Mirror, folder: Path) -> None:
    working = WorkingFolder(folder, own, Layout())
    path = write(folder, f"{NS}/files/x", "file")
    working.snapshot()
    path.unlink()
    write(folder, f"{NS}/files/x/y", "in a folder")
    assert f"{NS}/files/x/y" in paths(own, working.snapshot())
    (path / "y").unlink()
    path.rmdir()
    path.write_text("file again")
    assert f"{NS}/files/x" in paths(own, working.snapshot())


def test_empty_and_missing_folders(make_mirror: MakeMirror, tmp_path: Path) -> None:
    own = make_mirror(location.own(), "other")
    working = WorkingFolder(tmp_path / "nowhere", own, Layout())
    assert working.snapshot() is None
    write(tmp_path / "nowhere", f"{NS}/flows/a.yaml", "id: a")
    assert working.snapshot() is not None


def test_root_and_kestra_layout(own: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "kestra"
    write(folder, "git/demo/flows/a.yaml", "id: a")
    write(folder, "git/docs/a.md", "x")
    write(folder, "demo/flows/b.yaml", "id: b")
    working = WorkingFolder(folder, own, Layout("kestra", root="git"))
    assert paths(own, working.snapshot()) == {"git/demo/flows/a.yaml"}


def test_author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, "home/.gitconfig", "[user]\n\tname = Ann\n\temail = ann@example.org\n")
    monkeypatch.setenv("HOME", str(config.parent))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    assert author_of(tmp_path) == ("Ann", "ann@example.org")
    assert author_of(tmp_path / "nowhere").name == "Working directory"
