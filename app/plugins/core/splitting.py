"""Splitting a file into batches of lines, in bounded memory (reference §2.5, Split).

Lines end with any line ending; in the batches each ends with the separator. A batch travels as a
stream: never more of it is in memory than a few pieces.
"""

import asyncio
import codecs
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from app.plugins.api import RunContext, TaskFailed

_PIECE = 256 * 1024
"""Bytes that are gathered before they are handed on."""
_LONGEST_LINE = 64 * 1024 * 1024
_PARTITIONS = 10_000
_SIZE = re.compile(r"\s*(\d+)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)
_POWERS: Mapping[str, int] = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LINE_END = re.compile(r"\r\n|\n|\r")


class Batching(NamedTuple):
    """How large a batch is: `size` bytes, else one of `partitions`, else `rows` lines."""

    rows: int | None = None
    partitions: int | None = None
    size: int | None = None
    separator: str = "\n"


def byte_size(text: str | int) -> int:
    """Return the number of bytes that a text such as `10MB` names (KB is 1024 bytes).

    Raises:
        TaskFailed: when it names none.
    """
    found = _SIZE.fullmatch(str(text))
    if found is None or not int(found[1]):
        message = f"{text!r} is no size in bytes; write a number and a unit, such as 10MB"
        raise TaskFailed(message)
    return int(found[1]) << 10 * _POWERS[found[2].lower()]


async def split(
    ctx: RunContext, source: AsyncIterator[bytes], batching: Batching, extension: str = ".tmp"
) -> list[str]:
    """Store the batches of a text file; return their URIs in order. An empty file has none.

    Raises:
        TaskFailed: when the batching says no size, or the file is no UTF-8 text.
    """
    _check(batching)
    lines = _ended(text_lines(source), batching.separator)
    async with aclosing(lines):
        if batching.size is None and batching.partitions is not None:
            return await _partitioned(ctx, lines, batching.partitions, extension)
        return await _sequential(ctx, lines, batching, extension)


def _check(batching: Batching) -> None:
    for name, value in (
        ("bytes", batching.size), ("partitions", batching.partitions), ("rows", batching.rows),
    ):  # fmt: skip
        if value is not None:
            if value < 1 or (name == "partitions" and value > _PARTITIONS):
                message = f"`{name}` cannot be {value}"
                raise TaskFailed(message)
            return
    message = "a size of the batches is needed: `bytes`, `partitions` or `rows`"
    raise TaskFailed(message)


async def text_lines(source: AsyncIterator[bytes], codec: str = "utf-8") -> AsyncGenerator[str]:
    """Yield the lines of a text without their ends; raises `TaskFailed` when it is none."""
    decode = codecs.getincrementaldecoder(codec)().decode
    begun: list[str] = []
    held = ""
    try:
        async for chunk in source:
            text = held + decode(chunk)
            held = "\r" if text.endswith("\r") else ""  # its "\n" may be in the next chunk
            for line in _cut(text.removesuffix(held), begun):
                yield line
        for line in _cut(held + decode(b"", final=True), begun):
            yield line
    except UnicodeDecodeError as error:
        message = f"the file is no {codec.upper()} text: {error}"
        raise TaskFailed(message) from None
    if begun:
        yield "".join(begun)


def _cut(text: str, begun: list[str]) -> list[str]:
    """Return the lines that end in `text`; `begun` holds the pieces of the line that does not."""
    *whole, rest = _LINE_END.split(text)
    if whole:
        whole[0] = "".join([*begun, whole[0]])
        begun.clear()
    if rest:
        begun.append(rest)
    if sum(map(len, begun)) > _LONGEST_LINE:
        message = f"a line has more than {_LONGEST_LINE} characters"
        raise TaskFailed(message)
    return whole


async def _ended(lines: AsyncGenerator[str], separator: str) -> AsyncGenerator[bytes]:
    async with aclosing(lines):
        async for line in lines:
            yield (line + separator).encode()


class _Batches:
    """Cuts a stream of lines into batches, one after another."""

    def __init__(self, lines: AsyncGenerator[bytes], batching: Batching) -> None:
        self._lines = lines
        self._size = batching.size
        self._rows = batching.rows or 0
        self._next: bytes | None = None

    async def more(self) -> bool:
        """Whether there is another batch."""
        self._next = await anext(self._lines, None)
        return self._next is not None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the next batch."""
        held, size, rows, line = bytearray(), 0, 0, self._next
        while line is not None:
            held += line
            size, rows = size + len(line), rows + 1
            if len(held) >= _PIECE:
                yield bytes(held)
                held.clear()
            full = rows >= self._rows if self._size is None else size >= self._size
            line = None if full else await anext(self._lines, None)
        if held:
            yield bytes(held)


async def _sequential(
    ctx: RunContext, lines: AsyncGenerator[bytes], batching: Batching, extension: str
) -> list[str]:
    uris: list[str] = []
    batches = _Batches(lines, batching)
    while await batches.more():
        uris.append(await ctx.put_file(_name(len(uris), extension), batches.pieces()))
    return uris


async def _partitioned(
    ctx: RunContext, lines: AsyncGenerator[bytes], count: int, extension: str
) -> list[str]:
    """Deal the lines out in turn; what each partition has so far waits in a file of its own."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory)
    try:
        paths = [Path(folder.name) / str(number) for number in range(count)]
        await _deal(lines, paths)
        found = [path for path in paths if await asyncio.to_thread(path.exists)]
        return [
            await ctx.put_file(_name(index, extension), _file(path))
            for index, path in enumerate(found)
        ]
    finally:
        await asyncio.to_thread(folder.cleanup)


async def _deal(lines: AsyncGenerator[bytes], paths: list[Path]) -> None:
    held = [bytearray() for _ in paths]
    total = turn = 0
    async for line in lines:
        held[turn] += line
        total += len(line)
        turn = (turn + 1) % len(paths)
        if total >= 16 * _PIECE:
            await asyncio.to_thread(_flush, held, paths)
            total = 0
    await asyncio.to_thread(_flush, held, paths)


def _flush(held: list[bytearray], paths: list[Path]) -> None:
    for buffer, path in zip(held, paths, strict=True):
        if buffer:
            with path.open("ab") as file:
                file.write(buffer)
            buffer.clear()


async def _file(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    with file:
        while chunk := await asyncio.to_thread(file.read, _PIECE):
            yield chunk


def _name(index: int, extension: str) -> str:
    return f"batch-{index:06d}{extension}"
