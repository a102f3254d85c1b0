"""Namespace files: read out of a commit, written as one commit, active at once."""

import os
from pathlib import Path
from typing import Any

import pytest

from app.errors import Conflict, Invalid, NotFound, TooLarge
from app.ports import NamespaceFile, NamespaceFiles
from app.sync.publishing import ReadOnlySource
from tests.engine.fakes import MemoryFiles
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, UNREADABLE, Rig, flow, path

SHOP = ("main", "shop")
FOLDER = "tenants/main/namespaces/shop/files"


@pytest.fixture(params=["real", "fake"])
async def any_files(request: pytest.FixtureRequest, start: Start) -> NamespaceFiles:
    """Every implementation of the port."""
    return MemoryFiles() if request.param == "fake" else (await start()).sync.files


async def test_the_contract_of_the_port(any_files: NamespaceFiles) -> None:
    assert await any_files.entries(*SHOP) == []
    old = await any_files.write(*SHOP, {"b": b"1", "a/x": b"2"}, reason="test")
    new = await any_files.write(*SHOP, {"b": None, "c": b"3"}, reason="test")
    assert await any_files.entries(*SHOP, old) == [NamespaceFile("a/x", 1), NamespaceFile("b", 1)]
    assert [each.path for each in await any_files.entries(*SHOP, new)] == ["a/x", "c"]
    assert await any_files.entries(*SHOP) == await any_files.entries(*SHOP, new)
    assert await any_files.read(*SHOP, "b", old) == b"1"
    assert await any_files.read(*SHOP, "c") == b"3"
    for name, commit in (("b", new), ("b", None), ("none", old)):
        with pytest.raises(NotFound):
            await any_files.read(*SHOP, name, commit)
    assert await any_files.entries("main", "other") == []
    for name in ("/a", "../a", "a//b", ""):
        with pytest.raises(Invalid):
            await any_files.write(*SHOP, {name: b"1"}, reason="test")


async def test_a_written_file_is_a_commit_and_readable(own: Rig) -> None:
    files = own.sync.files
    assert await files.entries(*SHOP) == []
    commit = await files.write(*SHOP, {"scripts/a.py": b"print(1)\n"}, reason="shop.a")
    assert await files.active(*SHOP) == commit
    assert await files.entries(*SHOP) == [NamespaceFile("scripts/a.py", 9)]
    assert await files.read(*SHOP, "scripts/a.py") == b"print(1)\n"
    assert await files.read(*SHOP, "/scripts/a.py", commit) == b"print(1)\n"
    (made,) = await files.history(*SHOP, "scripts")
    assert (made.commit, made.subject) == (commit, "Update file scripts/a.py")


async def test_an_older_commit_says_what_it_said(own: Rig) -> None:
    files = own.sync.files
    old = await files.write(*SHOP, {"a": b"1", "b": b"1"}, reason="test")
    new = await files.write(*SHOP, {"a": b"2", "b": None}, reason="test")
    assert await files.read(*SHOP, "a", old) == b"1"
    assert await files.read(*SHOP, "a", new) == b"2"
    assert [each.path for each in await files.entries(*SHOP, old)] == ["a", "b"]
    assert [each.path for each in await files.entries(*SHOP)] == ["a"]


async def test_bytes_are_kept_as_they_are(own: Rig) -> None:
    data = bytes(range(256)) * 3 + b"\r\n"
    await own.sync.files.write(*SHOP, {"x/ü ö.bin": data}, reason="test")
    assert await own.sync.files.read(*SHOP, "x/ü ö.bin") == data


async def test_the_same_bytes_make_no_commit(own: Rig) -> None:
    first = await own.sync.files.write(*SHOP, {"a": b"1"}, reason="test")
    assert await own.sync.files.write(*SHOP, {"a": b"1"}, reason="test") == first
    assert await own.sync.files.write(*SHOP, {"nothing": None}, reason="test") == first


async def test_flows_pin_the_commit_of_the_files(own: Rig) -> None:
    await own.sync.put_flow("main", None, None, flow("a", "hi", "shop").decode(), actor=ANN)
    commit = await own.sync.files.write(*SHOP, {"a": b"1"}, reason="test")
    assert own.runs("a").snapshot == commit
    assert own.runs("a").revision == 1


async def test_what_is_not_there(own: Rig) -> None:
    files = own.sync.files
    assert await files.write(*SHOP, {"a": None}, reason="test") == ""
    with pytest.raises(NotFound):
        await files.read(*SHOP, "a")
    await files.write(*SHOP, {"a": b"1"}, reason="test")
    with pytest.raises(NotFound, match="no commit"):
        await files.entries(*SHOP, "0" * 39 + "1")
    with pytest.raises(NotFound):
        await files.read(*SHOP, "a", "no-such-branch")
    assert await files.entries("main", "elsewhere") == []
    assert await files.entries("main", "../shop") == []


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "a//b", ".git/config", "a/.GIT/x", "x\n", "x\0", "", ".", "a/",
     "\ud800", "x" * 501, "ü" * 200],
)  # fmt: skip
async def test_paths_that_lead_astray_are_refused(own: Rig, name: str) -> None:
    with pytest.raises(Invalid):
        await own.sync.files.write(*SHOP, {name: b"1"}, reason="test")
    assert await own.sync.commits() == []


async def test_namespaces_that_cannot_be_are_refused(own: Rig) -> None:
    for tenant, namespace in (("main", "../x"), ("../x", "shop"), ("main", "a..b")):
        with pytest.raises(Invalid):
            await own.sync.files.write(tenant, namespace, {"a": b"1"}, reason="test")


async def test_large_files_are_refused(start: Start) -> None:
    rig = await start(max_file_bytes=10)
    with pytest.raises(TooLarge, match="11 bytes"):
        await rig.sync.files.write(*SHOP, {"a": b"x" * 11}, reason="test")


async def test_a_file_takes_no_folders_place(own: Rig) -> None:
    await own.sync.files.write(*SHOP, {"a/b": b"1"}, reason="test")
    for wrong in ("a", "a/b/c"):
        with pytest.raises(Conflict):
            await own.sync.files.write(*SHOP, {wrong: b"1"}, reason="test")


async def test_readonly_sources_are_not_written(start: Start, scratch: Scratch) -> None:
    scratch.commit({f"{FOLDER}/a": b"1"})
    rig = await start(repo=str(scratch.path), edit_mode="readonly")
    assert await rig.sync.files.read(*SHOP, "a") == b"1"
    with pytest.raises(ReadOnlySource):
        await rig.sync.files.write(*SHOP, {"a": b"2"}, reason="test")


async def test_links_and_ignored_files_are_not_there(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(
        {
            f"{FOLDER}/a": b"1",
            f"{FOLDER}/run.sh": ("100755", b"#!/bin/sh\n"),
            f"{FOLDER}/skip.tmp": b"1",
            ".headwaterignore": b"*.tmp\n",
        }
    )
    await rig.sync.sync()
    found = await rig.sync.files.entries(*SHOP)
    assert found == [NamespaceFile("a", 1), NamespaceFile("run.sh", 10, executable=True)]


async def test_a_rewritten_file_stays_executable(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({f"{FOLDER}/run.sh": ("100755", b"1")})
    await rig.sync.sync()
    await rig.sync.files.write(*SHOP, {"run.sh": b"2"}, reason="test")
    assert await rig.sync.files.entries(*SHOP) == [NamespaceFile("run.sh", 1, executable=True)]


async def test_a_pointer_of_lfs_is_no_content(rig: Rig, scratch: Scratch) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
    scratch.commit({f"{FOLDER}/big": pointer})
    await rig.sync.sync()
    with pytest.raises(Conflict, match="LFS"):
        await rig.sync.files.read(*SHOP, "big")


async def test_a_namespace_that_is_kept_back_takes_no_files(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("x"): UNREADABLE})
    await rig.sync.sync()
    with pytest.raises(Conflict, match="mend"):
        await rig.sync.files.write(*SHOP, {"a": b"1"}, reason="test")


async def test_a_working_folder_gets_the_file(tmp_path: Path, start: Start) -> None:
    folder: Any = tmp_path / "work"
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "a.sh").write_bytes(b"1")
    (folder / FOLDER / "a.sh").chmod(0o755)
    rig = await start(repo=str(folder), mode="dev")
    assert await rig.sync.files.read(*SHOP, "a.sh") == b"1"
    await rig.sync.files.write(*SHOP, {"a.sh": b"2", "b/c": b"3"}, reason="test")
    assert (folder / FOLDER / "a.sh").read_bytes() == b"2"
    assert os.access(folder / FOLDER / "a.sh", os.X_OK)
    assert (folder / FOLDER / "b" / "c").read_bytes() == b"3"
    assert await rig.sync.files.read(*SHOP, "b/c") == b"3"
