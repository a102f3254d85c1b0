"""Repositories that want something of the machine they are read on (security cases 43-56)."""

import subprocess
from pathlib import Path

import pytest

from app.db.records import SyncRun
from app.errors import NotFound
from tests.git.scratch import Content, Scratch, plain_environment
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path

FOLDER = "tenants/main/namespaces/shop"


async def polled(rig: Rig) -> SyncRun:
    run = await rig.sync.sync(cause="poll")
    assert run is not None
    return run


@pytest.mark.parametrize(
    "links",
    [
        {path("x"): ("120000", b"/etc/passwd")},
        {f"{FOLDER}/flows": ("120000", b"/etc")},
        {f"{FOLDER}/files/data.txt": ("120000", b"../../../../../../../../etc/passwd")},
        {f"{FOLDER}/files": ("120000", b"/etc")},
        {FOLDER: ("120000", b"/etc")},
    ],
)
async def test_43_links_are_told_and_never_followed(
    rig: Rig, scratch: Scratch, links: dict[str, Content]
) -> None:
    scratch.commit({path("ok", "other"): flow("ok"), **links})
    await polled(rig)
    assert list(await rig.active()) == ["main/other/ok"]
    assert [code for code, _ in await rig.codes()] == ["SYMLINK"]
    for name in ("data.txt", "passwd", "hostname"):
        with pytest.raises(NotFound):
            await rig.sync.files.read("main", "shop", name)


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "git~1", "."])
async def test_44_trees_with_names_that_lead_out_are_not_taken(
    start: Start, scratch: Scratch, name: str
) -> None:
    good = scratch.commit({path("ok"): flow("ok")})
    rig = await start(repo=str(scratch.path))
    blob = scratch.git("hash-object", "-w", "--stdin", stdin=b"evil")
    inner = _tree(scratch, "100644", "config", blob)
    outer = _tree(scratch, "40000", name, inner)
    commit = scratch.git("commit-tree", outer, "-p", good, stdin=b"evil")
    scratch.git("update-ref", "refs/heads/main", commit)
    run = await polled(rig)
    assert run.outcome == "FAILED", run.reason
    assert list(await rig.active()) == ["main/shop/ok"]


def _tree(scratch: Scratch, mode: str, name: str, oid: str) -> str:
    """Write a tree that Git itself would not make."""
    body = f"{mode} {name}\0".encode() + bytes.fromhex(oid)
    return scratch.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body)


def _trap(folder: Path, marker: Path) -> None:
    """Set every trap that a repository's configuration and hooks can set."""
    trap = folder / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho sprung >> {marker}\ncat\n")
    trap.chmod(0o755)
    for name in ("post-checkout", "pre-receive", "update", "post-update", "reference-transaction",
                 "post-merge", "pre-push", "fsmonitor-watchman", "pre-auto-gc"):  # fmt: skip
        hook = folder / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(trap.read_text())
        hook.chmod(0o755)
    settings = {
        "core.fsmonitor": trap, "core.sshCommand": trap, "core.gitProxy": trap,
        "core.hooksPath": folder / "hooks", "core.pager": trap, "core.editor": trap,
        "core.askPass": trap, "credential.helper": f"!{trap}", "diff.external": trap,
        "diff.evil.textconv": trap, "diff.evil.command": trap, "filter.evil.clean": trap,
        "filter.evil.smudge": trap, "filter.evil.process": trap, "gpg.program": trap,
        "gpg.ssh.program": trap, "uploadpack.packObjectsHook": trap, "alias.log": f"!{trap}",
        "log.showSignature": "true", "include.path": folder / "more",
        "remote.origin.uploadpack": trap, "merge.evil.driver": trap, "protocol.ext.allow": "always",
    }  # fmt: skip
    for key, value in settings.items():
        subprocess.run(
            ["git", "config", "--file", str(folder / "config"), key, str(value)],
            env=plain_environment(), check=True, capture_output=True,
        )  # fmt: skip
    (folder / "more").write_text(f"[core]\n\tfsmonitor = {trap}\n")


async def test_45_46_no_hook_and_no_setting_of_a_repository_runs(
    start: Start, scratch: Scratch, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    attributes = b"* filter=evil diff=evil merge=evil text eol=crlf\n"
    odd = {".gitattributes": attributes, ".lfsconfig": b"[lfs]\n"}
    scratch.commit({path("a"): flow("a", "1")})
    _trap(scratch.path, marker)
    rig = await start(repo=str(scratch.path))
    _trap(rig.sync.main.parts.repository.mirror.folder, marker)
    scratch.commit({path("a"): flow("a", "2"), f"{FOLDER}/files/x": b"a\nb\n", **odd})
    marker.unlink(missing_ok=True)  # whoever writes to a repository runs its hooks
    await polled(rig)
    assert (await rig.active())["main/shop/a"] == flow("a", "2")
    assert await rig.sync.files.read("main", "shop", "x") == b"a\nb\n"  # as it was committed
    await rig.sync.diff("main", "shop", "a", "1", "2")
    await rig.sync.files.history("main", "shop", "x")
    await rig.sync.main.follower.maintain()
    assert not marker.exists(), marker.read_text()


async def test_45_a_submodule_whose_address_is_an_option_is_not_taken(
    rig: Rig, scratch: Scratch
) -> None:
    scratch.commit({path("a"): flow("a", "1")})
    await polled(rig)
    modules = b'[submodule "x"]\n\tpath = x\n\turl = -u./evil\n'
    scratch.commit({path("a"): flow("a", "2"), ".gitmodules": modules})
    assert (await polled(rig)).outcome == "FAILED"
    assert (await rig.active())["main/shop/a"] == flow("a", "1")


async def test_46_a_pointer_to_99_gigabytes_is_no_flow(rig: Rig, scratch: Scratch) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 99000000000\n"
    scratch.commit({path("big"): pointer % (b"0" * 64), path("ok", "other"): flow("ok")})
    await polled(rig)
    assert await rig.codes() == [("LFS_POINTER", path("big"))]


@pytest.mark.parametrize(
    "ref", ["--upload-pack=touch x", "-u", "main:refs/heads/x", "main^{/x}", "@{-1}", "a..b", "x y"]
)
async def test_48_a_ref_is_never_an_option(start: Start, scratch: Scratch, ref: str) -> None:
    scratch.commit({path("a"): flow("a")})
    rig = await start(repo=str(scratch.path), ref=ref)
    run = (await rig.sync.runs())[0]
    assert run.outcome == "FAILED"
    assert await rig.active() == {}


async def test_50_a_gigabyte_of_zeros_is_refused_by_its_size(rig: Rig, scratch: Scratch) -> None:
    zeros = b"\0" * (64 * 1024 * 1024)
    scratch.commit({path("big"): zeros, path("ok", "other"): flow("ok")})
    await polled(rig)
    assert ("TOO_LARGE", path("big")) in await rig.codes()
    assert list(await rig.active()) == ["main/other/ok"]


@pytest.mark.parametrize("namespace", ["other", "../other", "acme/other", "main.other", "shop.eu"])
async def test_53_the_folder_decides_on_tenant_and_namespace(
    rig: Rig, scratch: Scratch, namespace: str
) -> None:
    scratch.commit({
        path("a"): flow("a", namespace=namespace),
        path("ok", "other"): flow("ok"),
        path("ok", tenant="acme"): flow("ok"),
    })  # fmt: skip
    await polled(rig)
    assert set(await rig.active()) == {"main/other/ok", "acme/shop/ok"}
    codes = {code for code, _ in await rig.codes()}
    assert codes & {"NAMESPACE_MISMATCH", "SCHEMA"}
