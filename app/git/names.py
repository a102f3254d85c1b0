"""What may be handed to Git as a name: object ids, branches, tags, paths.

A string that came from a user, a file or a remote never reaches a Git command line before one of
these checks; what passes cannot be read as an option, a range or an expression.
"""

import re

from app.errors import BadRequest, RefNotFound

_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_PREFIX = re.compile(r"[0-9a-f]{4,64}\Z")
# git-check-ref-format(1), rules 1-9, one component at a time.
_COMPONENT = re.compile(r"(?!\.)(?:(?!\.\.|@\{)[^\x00-\x20\x7f~^:?*\[\\/])+(?<!\.lock)(?<!\.)\Z")
_MAX_REF = 244  # the longest file name that most file systems take, less ".lock" and a reserve

ZERO = "0" * 40


def is_oid(text: str) -> bool:
    """Return whether `text` is a full object id: 40 (SHA-1) or 64 (SHA-256) lower-case digits."""
    return _OID.match(text) is not None


def is_oid_prefix(text: str) -> bool:
    """Return whether `text` may be the beginning of an object id (at least four digits)."""
    return _PREFIX.match(text) is not None


def is_zero(oid: str) -> bool:
    """Return whether `oid` is Git's null id, which stands for "there is none"."""
    return not oid.strip("0")


def is_ref_name(name: str) -> bool:
    """Return whether `name` is a well-formed branch, tag or ref name (git-check-ref-format)."""
    if not name or len(name) > _MAX_REF or name == "@" or name.startswith("-"):
        return False
    return all(_COMPONENT.match(part) for part in name.split("/"))


def check_oid(text: str) -> str:
    """Return `text` if it is a full object id.

    Raises:
        RefNotFound: when it is anything else.
    """
    if not is_oid(text):
        raise RefNotFound(f"{text[:80]!r} is not a full commit id (40 or 64 hexadecimal digits)")
    return text


def check_ref_name(name: str) -> str:
    """Return `name` if it is a well-formed branch or tag name.

    Raises:
        RefNotFound: when Git could not have such a ref.
    """
    if not is_ref_name(name):
        raise RefNotFound(f"{name[:80]!r} is not a valid branch or tag name")
    return name


def check_path(path: str) -> str:
    """Return `path` if a tree may hold a file there.

    Refuses absolute paths, empty, `.` and `..` components, control characters and everything that
    some file system reads as `.git` (git's `verify_path`).

    Raises:
        BadRequest: naming the path.
    """
    parts = path.split("/")
    if any(part in {"", ".", ".."} or _is_dot_git(part) for part in parts):
        raise BadRequest(f"{path[:200]!r} is not a path inside the repository")
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise BadRequest(f"{path[:200]!r} contains control characters")
    return path


def _is_dot_git(part: str) -> bool:
    """Return whether a component is `.git` for Git, NTFS or HFS+ (ignorable characters)."""
    plain = "".join(char for char in part if char.isprintable() and char not in "\u200c\u200d")
    plain = plain.casefold().split(":", 1)[0].rstrip(". ")
    return plain in {".git", "git~1"}
