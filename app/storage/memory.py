"""The storage in memory: for tests, with the same contract as the real one."""

import asyncio
from collections.abc import AsyncIterator

from app.errors import Invalid
from app.storage.uris import SCHEME, absent, parts_of


class MemoryStorage:
    """Keeps files in a dictionary; gives way to others wherever the real one would."""

    def __init__(self) -> None:
        """Start empty."""
        self._files: dict[tuple[str, ...], bytes] = {}

    async def put(self, uri: str, chunks: AsyncIterator[bytes]) -> int:
        """Write the file whole or not at all; return its size in bytes."""
        parts = parts_of(uri)
        data = b"".join([chunk async for chunk in chunks])
        await asyncio.sleep(0)
        above = (parts[:length] for length in range(1, len(parts)))
        if any(each in self._files for each in above) or self._below(parts):
            raise Invalid(f"{uri} cannot be written: a file and a folder would have one name")
        self._files[parts] = data
        return len(data)

    async def get(
        self, uri: str, *, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file; raises `NotFound`."""
        await asyncio.sleep(0)
        data = self._read(uri)
        end = len(data) if length is None else offset + length
        for start in range(offset, min(end, len(data)), 1024):
            yield data[start : min(start + 1024, end)]
            await asyncio.sleep(0)

    async def size(self, uri: str) -> int:
        """Return the size in bytes; raises `NotFound`."""
        await asyncio.sleep(0)
        return len(self._read(uri))

    async def delete(self, uri: str) -> bool:
        """Remove a file; return whether it was there."""
        await asyncio.sleep(0)
        return self._files.pop(parts_of(uri), None) is not None

    async def delete_prefix(self, uri: str) -> int:
        """Remove all files below a URI; return how many."""
        await asyncio.sleep(0)
        below = self._below(parts_of(uri))
        for parts in below:
            del self._files[parts]
        return len(below)

    async def below(self, uri: str) -> list[str]:
        """Return the URIs of all files below a URI, in order."""
        await asyncio.sleep(0)
        return sorted(f"{SCHEME}/{'/'.join(parts)}" for parts in self._below(parts_of(uri)))

    def _read(self, uri: str) -> bytes:
        try:
            return self._files[parts_of(uri)]
        except KeyError:
            raise absent(uri) from None

    def _below(self, prefix: tuple[str, ...]) -> list[tuple[str, ...]]:
        count = len(prefix)
        return [each for each in self._files if len(each) > count and each[:count] == prefix]
