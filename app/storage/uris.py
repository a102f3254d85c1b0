"""URIs of the internal storage: `kestra:///a/b/c`, the scheme optional (reference §3.13)."""

import re

from app.errors import Invalid, NotFound

SCHEME = "kestra://"
LONGEST_PART = 255
"""Bytes; what file systems take."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parts_of(uri: str) -> tuple[str, ...]:
    """Return the path of a URI, part by part; never leading out of the storage.

    Raises:
        Invalid: it is no URI of the internal storage, or one that does not name a place in it.
    """
    path = uri.removeprefix(SCHEME)
    if not path.startswith("/"):
        raise Invalid(f"{uri!r} is no URI of the internal storage: it must begin {SCHEME}/")
    parts = tuple(part for part in path.split("/") if part)
    for part in parts:
        if part in (".", "..") or "\\" in part or _CONTROL.search(part):
            raise Invalid(f"{uri!r} is no URI of the internal storage: {part!r} cannot stand in it")
        if len(part.encode("utf-8", "replace")) > LONGEST_PART:
            raise Invalid(f"{uri!r}: a part is longer than {LONGEST_PART} bytes")
    if not parts:
        raise Invalid(f"{uri!r} names no file of the internal storage")
    return parts


def absent(uri: str) -> NotFound:
    """Return the error for a file that is not there."""
    return NotFound(f"there is no file {uri}")
