"""Splitting files: what batches hold, and that nothing is lost whatever the chunks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plugins.api import TaskFailed
from app.plugins.core.splitting import Batching, byte_size, split


class Files:
    """The part of a `RunContext` that stores files."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put_file(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        self.kept[name] = b"".join([chunk async for chunk in chunks])
        return name


async def cut(data: bytes, batching: Batching, chunk: int = 7) -> list[bytes]:
    async def source() -> AsyncIterator[bytes]:
        for start in range(0, len(data), chunk):
            yield data[start : start + chunk]

    files: Any = Files()
    uris = await split(files, source(), batching)
    return [files.kept[uri] for uri in uris]


async def test_rows_partitions_and_bytes() -> None:
    data = b"1\n2\n3\n4\n5"
    assert await cut(data, Batching(rows=2)) == [b"1\n2\n", b"3\n4\n", b"5\n"]
    assert await cut(data, Batching(partitions=2)) == [b"1\n3\n5\n", b"2\n4\n"]
    assert await cut(data, Batching(partitions=9)) == [b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"]
    assert await cut(data, Batching(size=3)) == [b"1\n2\n", b"3\n4\n", b"5\n"]
    assert await cut(data, Batching(rows=1, size=100)) == [b"1\n2\n3\n4\n5\n"]
    assert await cut(data, Batching(rows=4, separator=";")) == [b"1;2;3;4;", b"5;"]


async def test_an_empty_file_has_no_batch() -> None:
    assert await cut(b"", Batching(rows=1)) == []
    assert await cut(b"", Batching(partitions=3)) == []


async def test_what_cannot_be_split_says_why() -> None:
    with pytest.raises(TaskFailed, match="`rows` cannot be 0"):
        await cut(b"a", Batching(rows=0))
    with pytest.raises(TaskFailed, match="a size of the batches is needed"):
        await cut(b"a", Batching())
    with pytest.raises(TaskFailed, match="no UTF-8"):
        await cut(b"a\n\xff\n", Batching(rows=1))


def test_sizes() -> None:
    assert [byte_size(each) for each in ("10", "1KB", "2 MB", "1gib", 7)] == [
        10, 1024, 2 << 20, 1 << 30, 7,
    ]  # fmt: skip
    with pytest.raises(TaskFailed, match="no size in bytes"):
        byte_size("many")


@given(st.text("aé\r\n", max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_no_line_is_lost(text: str, chunk: int, rows: int) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    wanted = [f"{line}|".encode() for line in (lines if lines[-1] else lines[:-1])]

    async def both() -> None:
        by_rows = await cut(text.encode(), Batching(rows=rows, separator="|"), chunk)
        assert b"".join(by_rows) == b"".join(wanted)
        dealt = await cut(text.encode(), Batching(partitions=rows, separator="|"), chunk)
        assert dealt == [b"".join(wanted[turn::rows]) for turn in range(rows) if wanted[turn::rows]]

    asyncio.run(both())
