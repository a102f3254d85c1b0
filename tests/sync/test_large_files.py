"""Namespace files in Git LFS: fetched where the source allows it, once, and never trusted."""

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.errors import (
    AuthFailed,
    Conflict,
    GitError,
    HeadwaterError,
    NotFound,
    ObjectMissing,
    RemoteUnreachable,
    TooLarge,
)
from app.git.lfs import batch_url, check_href, download_of
from app.git.location import local, own, remote
from app.git.survey import LfsPointer
from tests.git.scratch import Scratch
from tests.git.server import serving
from tests.sync.conftest import Start
from tests.sync.lfs_server import LfsServer, lfs_server, pointer
from tests.sync.rig import Rig, flow, path

SHOP = ("main", "shop")
FOLDER = "tenants/main/namespaces/shop/files"
DATA = b"large " * 20_000
OID = hashlib.sha256(DATA).hexdigest()
OURS = "Basic YW5uOnMzY3JldC10b2tlbg=="


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LfsServer]:
    with serving(tmp_path / "served", lfs_server) as app:
        yield app


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[LfsServer]:
    """Another host, which gives files to everybody who knows where they are."""
    with serving(tmp_path / "elsewhere", lfs_server) as app:
        app.is_open = True
        app.files[OID] = DATA
        yield app


@pytest.fixture
def commit(scratch: Scratch, server: LfsServer) -> str:
    """A commit with a file in Git LFS."""
    return scratch.commit({path("a"): flow("a"), f"{FOLDER}/big.bin": server.add(DATA)})


def options(server: LfsServer, **more: Any) -> dict[str, Any]:
    url = server.url("acme.git")
    return {"repo": url, "username": "ann", "token": "s3cret-token", "lfs": True, **more}


@pytest.fixture
async def rig(start: Start, server: LfsServer, commit: str) -> Rig:
    assert commit
    return await start(**options(server))


async def read(rig: Rig, commit: str | None = None) -> bytes:
    return await rig.sync.files.read(*SHOP, "big.bin", commit)


# -- what is fetched -----------------------------------------------------------------------------


async def test_a_file_is_fetched_once(rig: Rig, server: LfsServer, commit: str) -> None:
    assert await asyncio.gather(*(read(rig) for _ in range(5))) == [DATA] * 5
    assert await read(rig, commit) == DATA
    await rig.restart()
    assert await read(rig) == DATA
    assert [(method, at) for method, at, _ in server.asked] == [
        ("POST", "/acme.git/info/lfs/objects/batch"),
        ("GET", f"/media/{OID}"),
    ]
    assert [headers["authorization"] for _, _, headers in server.asked] == [OURS] * 2


async def test_what_an_execution_used_needs_neither_server_nor_copy(
    rig: Rig, scratch: Scratch, server: LfsServer, commit: str
) -> None:
    assert await rig.sync.files.entries(*SHOP, commit)
    await rig.sync.shared.vault.settled()  # the file was never read, and is kept all the same
    await rig.stop()
    for folder in (rig.folder / "git", rig.folder / "storage" / "files" / "_git" / "lfs"):
        await asyncio.to_thread(shutil.rmtree, folder)
    server.files.clear()
    rig.git["lfs"] = False
    await rig.start()
    assert await read(rig, commit) == DATA


async def test_a_pointer_that_was_kept_becomes_the_file(
    start: Start, server: LfsServer, commit: str
) -> None:
    rig = await start(**options(server, lfs=False))
    with pytest.raises(Conflict, match=r"Git LFS, which is not fetched; commit the file itself"):
        await read(rig, commit)
    assert server.asked == []
    await rig.stop()
    rig.git["lfs"] = True
    await rig.start()
    assert await read(rig, commit) == DATA
    server.files.clear()
    assert await read(rig, commit) == DATA


async def test_a_flow_in_lfs_is_no_flow(rig: Rig, scratch: Scratch, server: LfsServer) -> None:
    scratch.commit({path("b"): server.add(flow("b"))})
    await rig.sync.sync()
    assert await rig.codes() == [("LFS_POINTER", path("b"))]
    assert server.asked == []


async def test_one_that_is_missing_keeps_no_other_back(
    rig: Rig, scratch: Scratch, server: LfsServer
) -> None:
    files = {f"{FOLDER}/a": pointer("0" * 64, 5), f"{FOLDER}/z": b"small"}
    commit = scratch.commit(files)
    await rig.sync.sync()
    assert await rig.sync.files.entries(*SHOP, commit)
    await rig.sync.shared.vault.settled()
    server.files.clear()
    assert await read(rig, commit) == DATA
    assert await rig.sync.files.read(*SHOP, "z", commit) == b"small"
    with pytest.raises(ObjectMissing, match="a is kept in Git LFS"):
        await rig.sync.files.read(*SHOP, "a", commit)


async def test_what_the_commit_has_is_the_pointer(rig: Rig, server: LfsServer) -> None:
    assert await rig.sync.files.stored(*SHOP, "big.bin") == pointer(OID, len(DATA))
    with pytest.raises(NotFound, match="no file other"):
        await rig.sync.files.stored(*SHOP, "other")
    assert server.asked == []


# -- other hosts ---------------------------------------------------------------------------------


async def elsewhere(start: Start, server: LfsServer, storage: LfsServer) -> Rig:
    server.place = lambda oid: f"http://localhost:{storage.port}/media/{oid}"
    return await start(**options(server, http={"allow_loopback": True}))


async def test_another_host_gets_what_the_answer_says_and_nothing_of_ours(
    start: Start, server: LfsServer, storage: LfsServer, commit: str
) -> None:
    server.header = {"X-Signature": "signed", "Host": "evil", "Content-Length": "7"}
    rig = await elsewhere(start, server, storage)
    assert await read(rig, commit) == DATA
    [headers] = storage.downloads()
    assert (headers["x-signature"], headers["host"]) == ("signed", f"localhost:{storage.port}")
    assert not {"authorization", "content-length"} & set(headers)


async def test_a_redirect_to_another_host_takes_no_credentials_along(
    start: Start, server: LfsServer, storage: LfsServer, commit: str
) -> None:
    server.header = {"Authorization": OURS}
    server.moved = f"http://localhost:{storage.port}/media/{OID}"
    rig = await start(**options(server, http={"allow_loopback": True}))
    assert await read(rig, commit) == DATA
    [headers] = storage.downloads()
    assert "authorization" not in headers


async def test_this_machine_is_no_other_host_unless_tasks_may_call_it(
    start: Start, server: LfsServer, storage: LfsServer, commit: str
) -> None:
    rig = await elsewhere(start, server, storage)
    await rig.stop()
    rig.http = rig.http.model_copy(update={"allow_loopback": False})
    await rig.start()
    with pytest.raises(GitError, match="must not be called"):
        await read(rig, commit)
    assert storage.asked == []


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "ftp://example.org/x",
        "http://example.org/x",
        "http://169.254.169.254/latest/meta-data/",
        "https://ann:pw@example.org/x",
        "https://[::1",
        "https://example.org\\@127.0.0.1/x",
        "https://example.org:8x/",
        "",
    ],
)
async def test_addresses_that_are_not_called(rig: Rig, server: LfsServer, href: str) -> None:
    server.place = lambda _: href
    with pytest.raises(GitError, match="an address that is not called: only https"):
        await read(rig)
    server.place, server.moved = None, href
    if href != "/etc/passwd" and href:  # those lead to the same host, which has no such file
        with pytest.raises(GitError, match="an address that is not called: only https"):
            await read(rig)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"])
async def test_metadata_of_clouds_is_not_asked_for(rig: Rig, server: LfsServer, host: str) -> None:
    server.place = lambda _: f"https://{host}/latest"
    with pytest.raises(GitError, match="link-local or serves cloud metadata"):
        await read(rig)


# -- answers that are wrong ----------------------------------------------------------------------


async def refused(rig: Rig, kind: type[HeadwaterError], match: str) -> None:
    """Expect an error that names the file and no secret; nothing of it is kept."""
    with pytest.raises(kind, match=match) as caught:
        await read(rig)
    assert type(caught.value) is kind
    assert "big.bin" in caught.value.message
    assert "s3cret" not in caught.value.message
    assert await rig.sync.shared.vault.large(OID) is None


async def test_another_file_is_refused(rig: Rig, server: LfsServer) -> None:
    for wrong in (DATA[::-1], DATA[:-1], b""):
        server.media = (200, wrong)
        await refused(rig, GitError, "another file than the commit names")
    server.media = (200, DATA + b"x")
    await refused(rig, GitError, "sends more than")
    server.media = None
    assert await read(rig) == DATA


async def test_an_endless_body_is_cut_off(rig: Rig, server: LfsServer) -> None:
    server.floods = True
    await refused(rig, GitError, f"sends more than the {len(DATA)} bytes")


async def test_one_that_is_too_large_is_not_asked_for(
    start: Start, scratch: Scratch, server: LfsServer, commit: str
) -> None:
    scratch.commit({f"{FOLDER}/big.bin": pointer(OID, 99 * 10**9)})
    rig = await start(**options(server, max_file_bytes=10_000))
    with pytest.raises(TooLarge, match="99000000000 bytes in Git LFS, 10000 are allowed"):
        await read(rig)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "kind", "match"),
    [
        (401, AuthFailed, "our credentials"),
        (403, AuthFailed, "our credentials"),
        (404, ObjectMissing, "does not have"),
        (410, ObjectMissing, "does not have"),
        (301, GitError, "does not give"),
        (429, RemoteUnreachable, "cannot give"),
        (503, RemoteUnreachable, "cannot give"),
    ],
)
async def test_refusals(
    rig: Rig, server: LfsServer, status: int, kind: type[HeadwaterError], match: str
) -> None:
    server.batch = (status, b'{"message": "s3cret"}')
    await refused(rig, kind, match)
    server.batch, server.media = None, (status, b"")
    await refused(rig, kind, match)


async def test_wrong_credentials(start: Start, server: LfsServer, commit: str) -> None:
    rig = await start(**options(server))
    server.users.clear()
    await refused(rig, AuthFailed, "our credentials")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"objects": {}}',
        b'{"objects": [1, {"oid": "x"}]}',
        orjson.dumps({"transfer": "tus", "objects": [{"oid": OID}]}),
    ],
)
async def test_batch_answers_that_are_none(rig: Rig, server: LfsServer, answer: bytes) -> None:
    server.batch = (200, answer)
    await refused(rig, GitError, "no batch answer")


@pytest.mark.parametrize(
    "header",
    [{"a b": "x"}, {"x": "a\r\nb: c"}, {"x": 1}, {f"x{n}": "" for n in range(99)}, ["x"]],
)
async def test_headers_that_cannot_be_sent(rig: Rig, server: LfsServer, header: Any) -> None:
    server.header = header
    await refused(rig, GitError, "headers that cannot be sent")
    assert server.downloads() == []


async def test_redirects_without_end(rig: Rig, server: LfsServer) -> None:
    server.moved = server.url(f"media/{OID}")
    await refused(rig, GitError, "redirects again and again")


async def test_a_pointer_in_place_of_the_file(
    start: Start, scratch: Scratch, server: LfsServer, commit: str
) -> None:
    scratch.commit({f"{FOLDER}/big.bin": server.add(pointer(OID, len(DATA)))})
    rig = await start(**options(server))
    with pytest.raises(Conflict, match="a pointer again"):
        await read(rig)


async def test_a_server_that_is_gone(rig: Rig, server: LfsServer) -> None:
    server.place = lambda oid: f"https://nowhere.invalid/{oid}"
    await refused(rig, RemoteUnreachable, "cannot be resolved")


# -- where servers are ---------------------------------------------------------------------------


def test_the_server_is_beside_the_repository() -> None:
    wanted = "https://example.org:8443/o/r.git/info/lfs/objects/batch"
    for url in ("https://example.org:8443/o/r", "https://example.org:8443/o/r.git/"):
        assert batch_url(remote(url)) == wanted
    with pytest.raises(Conflict, match=r"git-lfs-authenticate is not supported.*https"):
        batch_url(remote("git@example.org:o/r.git"))
    for place in (local(Path("/srv/r.git")), own("main")):
        with pytest.raises(Conflict, match="has no Git LFS server"):
            batch_url(place)


async def test_a_source_on_disk_has_none(start: Start, scratch: Scratch, commit: str) -> None:
    rig = await start(repo=str(scratch.path), lfs=True)
    with pytest.raises(Conflict, match="no Git LFS server"):
        await read(rig)


def test_what_is_told_of_an_error_is_a_status() -> None:
    wanted = LfsPointer(OID, 1)
    for code, kind in ((404, ObjectMissing), (422, GitError), ("x", GitError), (200, GitError)):
        told = {"oid": OID, "error": {"code": code, "message": "s3cret"}}
        with pytest.raises(kind) as caught:
            download_of(orjson.dumps({"objects": [told]}), wanted, "example.org")
        assert "s3cret" not in caught.value.message
    with pytest.raises(ObjectMissing, match="where the file is"):
        download_of(orjson.dumps({"objects": [{"oid": OID}]}), wanted, "example.org")
    assert check_href("http://[::1]:80/x", "h") == "http://[::1]:80/x"
