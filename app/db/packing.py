"""Sources as the `blob` table keeps them."""

import zlib


def packed(source: bytes) -> bytes:
    """Return a source as the `blob` table keeps it."""
    return zlib.compress(source, 6)


def unpacked(data: bytes) -> str:
    """Return the text of a packed source."""
    return zlib.decompress(data).decode("utf-8", "replace")
