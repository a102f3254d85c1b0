"""The contract of the `Storage` port, on the disk and in memory."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import HeadwaterError, Invalid, NotFound, Unavailable
from app.ports import Storage
from app.storage import LocalStorage, MemoryStorage
from app.storage.uris import parts_of

URI = "kestra:///company/team/flow/executions/e1/tasks/t1/file.txt"


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return LocalStorage(tmp_path / "storage") if request.param == "local" else MemoryStorage()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def read(storage: Storage, uri: str, **part: int) -> bytes:
    return b"".join([piece async for piece in storage.get(uri, **part)])


async def test_what_is_put_can_be_got(storage: Storage) -> None:
    assert await storage.put(URI, chunks(b"a" * 10, b"", b"b" * 5)) == 15
    assert await read(storage, URI) == b"a" * 10 + b"b" * 5
    assert await storage.size(URI) == 15


async def test_empty_files(storage: Storage) -> None:
    assert await storage.put(URI, chunks()) == 0
    assert await read(storage, URI) == b""
    assert await storage.size(URI) == 0


async def test_large_files_come_in_pieces(storage: Storage) -> None:
    piece = bytes(range(256)) * 400
    assert await storage.put(URI, chunks(*[piece] * 20)) == len(piece) * 20
    pieces = [each async for each in storage.get(URI)]
    assert b"".join(pieces) == piece * 20
    assert max(map(len, pieces)) <= 256 * 1024


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 4, b"3456"),
        (0, 0, b""),
        (8, 100, b"89"),
        (100, None, b""),
        (100, 5, b""),
    ],
)
async def test_parts(storage: Storage, offset: int, length: int | None, expected: bytes) -> None:
    await storage.put(URI, chunks(b"0123456789"))
    got = [piece async for piece in storage.get(URI, offset=offset, length=length)]
    assert b"".join(got) == expected


async def test_absent_files(storage: Storage) -> None:
    with pytest.raises(NotFound, match="there is no file kestra:///company"):
        await read(storage, URI)
    with pytest.raises(NotFound):
        await storage.size(URI)
    assert await storage.delete(URI) is False
    await storage.put(URI, chunks(b"x"))
    for other in ("kestra:///company/team", URI + "/below"):
        with pytest.raises((NotFound, Invalid)):
            await read(storage, other)


async def test_overwriting_and_deleting(storage: Storage) -> None:
    await storage.put(URI, chunks(b"old and longer"))
    await storage.put(URI, chunks(b"new"))
    assert await read(storage, URI) == b"new"
    assert await storage.delete(URI) is True
    assert await storage.delete(URI) is False
    with pytest.raises(NotFound):
        await read(storage, URI)


async def test_delete_prefix(storage: Storage) -> None:
    for name in ("a/1", "a/2", "a/b/3", "ab/4", "a.txt"):
        await storage.put(f"kestra:///n/{name}", chunks(b"x"))
    assert await storage.delete_prefix("kestra:///n/a") == 3
    assert await storage.delete_prefix("kestra:///n/a") == 0
    assert await storage.delete_prefix("kestra:///other") == 0
    assert await read(storage, "kestra:///n/ab/4") == b"x"
    assert await read(storage, "kestra:///n/a.txt") == b"x"


async def test_a_file_is_whole_or_not_there(storage: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000
        raise LookupError("the source broke")

    with pytest.raises(LookupError):
        await storage.put(URI, broken())
    with pytest.raises(NotFound):
        await storage.size(URI)
    await storage.put(URI, chunks(b"old"))
    with pytest.raises(LookupError):
        await storage.put(URI, broken())
    assert await read(storage, URI) == b"old"


async def test_cancelling_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 300_000
            begun.set()
            await asyncio.sleep(0)

    putting = asyncio.ensure_future(storage.put(URI, endless()))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    with pytest.raises(NotFound):
        await storage.size(URI)
    assert not any(name for _, _, name in os.walk(tmp_path))


async def test_many_at_once(storage: Storage) -> None:
    async def one(number: int) -> None:
        uri = f"kestra:///n/{number % 3}/{number}"
        await storage.put(uri, chunks(str(number).encode()))
        assert await read(storage, uri) == str(number).encode()
        assert await storage.delete(uri)

    await asyncio.gather(*(one(number) for number in range(60)))
    assert await storage.delete_prefix("kestra:///n") == 0


async def test_a_file_and_a_folder_cannot_have_one_name(storage: Storage) -> None:
    await storage.put("kestra:///n/a", chunks(b"x"))
    with pytest.raises(Invalid):
        await storage.put("kestra:///n/a/b", chunks(b"x"))
    await storage.put("kestra:///m/a/b", chunks(b"x"))
    with pytest.raises(Invalid):
        await storage.put("kestra:///m/a", chunks(b"x"))


@pytest.mark.parametrize(
    "uri",
    [
        "kestra:///../etc/passwd",
        "kestra:///a/../../b",
        "kestra:///a/./b",
        "kestra:///a/..",
        "kestra:///",
        "kestra://host/a",
        "kestra:/a",
        "file:///etc/passwd",
        "/a/\0/b",
        "/a/b\n",
        "/a\\..\\b",
        "",
        "relative",
        "kestra:///" + "x" * 256,
    ],
)
async def test_uris_that_are_none(storage: Storage, uri: str) -> None:
    with pytest.raises(Invalid):
        await storage.put(uri, chunks(b"x"))
    with pytest.raises(Invalid):
        await read(storage, uri)
    with pytest.raises(Invalid):
        await storage.delete_prefix(uri)


@given(st.text())
def test_no_uri_leads_out(text: str) -> None:
    try:
        parts = parts_of(text)
    except HeadwaterError:
        return
    root = Path("/data/files")
    assert root in root.joinpath(*parts).resolve().parents


# -- on the disk -----------------------------------------------------------------------------------


async def test_files_last_over_a_restart_and_half_written_ones_do_not(tmp_path: Path) -> None:
    await LocalStorage(tmp_path).put(URI, chunks(b"x"))
    (tmp_path / "incoming" / "left-over").write_bytes(b"half")
    again = LocalStorage(tmp_path)
    assert await read(again, URI) == b"x"
    await again.put(URI + "2", chunks(b"y"))
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_links_are_not_followed(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "storage")
    await storage.put("kestra:///n/a", chunks(b"x"))
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "storage/files/n/link").symlink_to(tmp_path / "secret")
    with pytest.raises(Unavailable):
        await read(storage, "kestra:///n/link")
    with pytest.raises(NotFound):
        await storage.size("kestra:///n/link")


async def test_empty_folders_go(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    await storage.put(URI, chunks(b"x"))
    await storage.delete(URI)
    assert list((tmp_path / "files").iterdir()) == []


async def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = LocalStorage(tmp_path)
    await storage.put(URI, chunks(b"x"))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("app.storage.upload.os.fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            await storage.put(URI, chunks(b"y"))
    assert await read(storage, URI) == b"x"
    assert list((tmp_path / "incoming").iterdir()) == []
