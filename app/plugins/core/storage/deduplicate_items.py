"""`core.storage.DeduplicateItems`: of equal records the last is kept (reference §2.5).

The memory needed is one bit a record and the keys of one bucket: the file is read twice, and in
between the keys lie in buckets on the disk.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from pydantic import Field

from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, Runnable
from app.plugins.core.storage.records import numbered, records
from app.plugins.core.storage.uris import extension_of

_BUCKETS = 256
_DIGEST = 16
_ENTRY = _DIGEST + 8
_HELD = 4 * 1024 * 1024
"""Bytes of keys that are gathered before they go to the disk."""


class DeduplicateItems(Runnable):
    """Keep of the records (Ion or JSON, one a line) with one key the last, in the file's order.

    Outputs: `uri`, `numKeys`, `processedItemsTotal`, `droppedItemsTotal`.
    """

    type_name = "io.kestra.plugin.core.storage.DeduplicateItems"
    aliases = ("io.kestra.core.tasks.storages.DeduplicateItems",)

    from_: Dynamic[str] = Field(alias="from", description="URI of the file.")
    expr: Text = Field(
        description="An expression for the key; the fields of the record are its variables."
    )

    async def run(self, ctx: RunContext) -> Mapping[str, Any]:
        """Store the records that are kept."""
        uri = self.from_.strip()
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory)
        try:
            keys = _Keys(Path(folder.name))
            async with aclosing(records(ctx.get_file(uri))) as found:
                async for record in found:
                    await keys.add(str(await ctx.render(self.expr, **record.values)))
            last = await keys.last()
        finally:
            await asyncio.to_thread(folder.cleanup)
        name = f"deduplicated{extension_of(uri, '.ion')}"
        stored = await ctx.put_file(name, _chosen(ctx.get_file(uri), last))
        return {
            "uri": stored,
            "numKeys": keys.distinct,
            "processedItemsTotal": keys.total,
            "droppedItemsTotal": keys.total - keys.distinct,
        }


class _Keys:
    """The keys of all records, in buckets on the disk."""

    def __init__(self, folder: Path) -> None:
        self.total = 0
        self.distinct = 0
        self._folder = folder
        self._buckets = [bytearray() for _ in range(_BUCKETS)]

    async def add(self, key: str) -> None:
        """Take the key of the next record."""
        encoded = key.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(encoded, digest_size=_DIGEST).digest()
        self._buckets[digest[0]] += digest + self.total.to_bytes(8, "big")
        self.total += 1
        if self.total % (_HELD // _ENTRY) == 0:
            await asyncio.to_thread(self._flush)

    async def last(self) -> bytearray:
        """Return one bit a record: whether it is the last with its key."""
        bits = bytearray(self.total // 8 + 1)
        await asyncio.to_thread(self._flush)
        for number in range(_BUCKETS):
            self.distinct += await asyncio.to_thread(self._mark, number, bits)
        return bits

    def _flush(self) -> None:
        for number, bucket in enumerate(self._buckets):
            if bucket:
                with (self._folder / str(number)).open("ab") as file:
                    file.write(bucket)
                bucket.clear()

    def _mark(self, number: int, bits: bytearray) -> int:
        path = self._folder / str(number)
        if not path.exists():
            return 0
        newest: dict[bytes, int] = {}
        with path.open("rb") as file:
            while entry := file.read(_ENTRY):
                newest[entry[:_DIGEST]] = int.from_bytes(entry[_DIGEST:], "big")
        for index in newest.values():
            bits[index >> 3] |= 1 << (index & 7)
        return len(newest)


async def _chosen(source: AsyncIterator[bytes], bits: bytearray) -> AsyncIterator[bytes]:
    index = 0
    async with aclosing(numbered(source)) as found:
        async for _, line in found:
            if bits[index >> 3] & (1 << (index & 7)):
                yield line + b"\n"
            index += 1
