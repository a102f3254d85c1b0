"""What the storage tasks do with the names of files, and with lists of them."""

import json
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

from app.plugins.api import TaskFailed

SCHEME = "kestra://"


def extension_of(uri: str, default: str = ".tmp") -> str:
    """Return the extension of a file with its dot."""
    return PurePosixPath(uri.rpartition("/")[2]).suffix or default


def uris_of(value: Any) -> list[str]:
    """Return the URIs of a list, of a JSON text that holds one, or of a single URI.

    Raises:
        TaskFailed: when the value is none of these.
    """
    if isinstance(value, str):
        if value.strip().startswith(SCHEME):
            return [value.strip()]
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        message = "`files` must be a list of URIs, or a JSON text that holds one"
        raise TaskFailed(message)
    return [each.strip() for each in value]


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield the bytes, if there are any."""
    if data:
        yield data
