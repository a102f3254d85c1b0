"""`core.storage.Reverse`: the last line comes first (reference §2.5).

Lines are gathered into blocks; a block is turned round and put onto the disk, and in the end the
blocks are read from the last to the first. Never more than a block, or one line, is in memory.
"""

import asyncio
import codecs
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import IO, Any

from pydantic import Field

from app.flows.values import Dynamic
from app.plugins.api import RunContext, Runnable, TaskFailed
from app.plugins.core.splitting import text_lines
from app.plugins.core.storage.uris import extension_of

_BLOCK = 1024 * 1024
_PIECE = 256 * 1024


class Reverse(Runnable):
    """Write the lines of a text file in reverse order. Outputs: `uri`."""

    type_name = "io.kestra.plugin.core.storage.Reverse"
    aliases = ("io.kestra.core.tasks.storages.Reverse",)

    from_: Dynamic[str] = Field(alias="from", description="URI of the file.")
    separator: Dynamic[str] = Field("\n", description="What each line ends with in the new file.")
    charset: Dynamic[str] = Field("UTF-8", description="The encoding of the file.")

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the new file."""
        uri = self.from_.strip()
        try:
            codec = codecs.lookup(self.charset).name
        except (LookupError, ValueError):
            message = f"{self.charset!r} is no charset"
            raise TaskFailed(message) from None
        file = await asyncio.to_thread(tempfile.TemporaryFile)
        with file:
            lines = text_lines(ctx.get_file(uri), codec)
            blocks = await _store(file, lines, self.separator, codec)
            name = f"reversed{extension_of(uri)}"
            return {"uri": await ctx.put_file(name, _backwards(file, blocks))}


async def _store(
    file: IO[bytes], lines: AsyncGenerator[str], separator: str, codec: str
) -> list[int]:
    """Write blocks of lines, each turned round; return their lengths."""
    lengths: list[int] = []
    block: list[bytes] = []
    waiting = 0
    async with aclosing(lines):
        async for line in lines:
            block.append((line + separator).encode(codec, "replace"))
            waiting += len(block[-1])
            if waiting >= _BLOCK:
                lengths.append(await asyncio.to_thread(_write, file, block))
                block, waiting = [], 0
    if block:
        lengths.append(await asyncio.to_thread(_write, file, block))
    return lengths


def _write(file: IO[bytes], block: list[bytes]) -> int:
    return file.write(b"".join(reversed(block)))


async def _backwards(file: IO[bytes], lengths: list[int]) -> AsyncIterator[bytes]:
    start = sum(lengths)
    for length in reversed(lengths):
        start -= length
        await asyncio.to_thread(file.seek, start)
        left = length
        while left:
            piece = await asyncio.to_thread(file.read, min(left, _PIECE))
            left -= len(piece)
            yield piece
