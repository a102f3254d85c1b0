"""Git LFS's batch API, without I/O: what is asked, what an answer allows, and what has come.

Nothing that a server says is trusted: where a file lies is checked, and the file, too. A
repository's own `.lfsconfig` is never read, for it could send our credentials elsewhere.
"""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import orjson

from app.errors import AuthFailed, Conflict, GitError, ObjectMissing, RemoteUnreachable
from app.git.location import Location
from app.git.survey import LfsPointer

MEDIA_TYPE: Final = "application/vnd.git-lfs+json"
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?"
    r"(?:[/?][\x21-\x5b\x5d-\x7e]*)?\Z"
)
"""Nothing that two readers could take for two different hosts."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]{0,8192}\Z")
_LONGEST_HREF = 8_192
_MOST_HEADERS = 32
_NOT_THEIRS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer")
)
"""Headers that are the connection's own business, whatever an answer says."""


@dataclass(frozen=True, slots=True)
class Download:
    """Where a file is to be had; `headers` are those that the batch answer gives."""

    href: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_authorized(self) -> bool:
        """Whether the answer says itself who we are."""
        return any(name.lower() == "authorization" for name in self.headers)


def batch_url(location: Location) -> str:
    """Return where a repository's LFS server is asked.

    Raises:
        Conflict: when the repository is not reached by https.
    """
    if location.kind == "ssh":
        raise Conflict(
            f"the files of {location.host} that are kept in Git LFS cannot be fetched by ssh"
            " (git-lfs-authenticate is not supported): give the repository's https address"
        )
    if location.kind not in ("https", "http"):
        raise Conflict(f"{location} has no Git LFS server; commit the file itself")
    parts = urlsplit(location.url)
    path = parts.path.rstrip("/").removesuffix(".git")
    return f"{parts.scheme}://{parts.netloc}{path}.git/info/lfs/objects/batch"


def batch_body(pointer: LfsPointer) -> bytes:
    """Return the request for one file."""
    wanted = {"oid": pointer.oid, "size": pointer.size}
    request = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [wanted],
        "hash_algo": "sha256",
    }
    return orjson.dumps(request)


def check_status(status: int, host: str, what: str) -> None:
    """Raise what a status means that is not 200.

    Raises:
        AuthFailed, ObjectMissing, RemoteUnreachable, GitError: naming the host.
    """
    if status == 200:
        return
    if status in (401, 403):
        raise AuthFailed(f"{host} refuses to give {what} to our credentials ({status})")
    if status in (404, 410):
        raise ObjectMissing(f"{host} does not have {what} ({status})")
    if status == 429 or status >= 500:
        raise RemoteUnreachable(f"{host} cannot give {what} now ({status})")
    raise GitError(f"{host} does not give {what} ({status})")


def download_of(answer: bytes, pointer: LfsPointer, host: str) -> Download:
    """Return where the file is that a batch answer tells of.

    Raises:
        ObjectMissing: when the server does not have it.
        GitError: when the answer is none, or sends us where we do not go.
    """
    found = _object(answer, pointer)
    if found is None:
        raise GitError(f"the Git LFS server at {host} answers something that is no batch answer")
    error = found.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        check_status(code if isinstance(code, int) and code != 200 else 422, host, "the file")
    actions = found.get("actions")
    action = actions.get("download") if isinstance(actions, dict) else None
    if not isinstance(action, dict) or not isinstance(action.get("href"), str):
        raise ObjectMissing(f"the Git LFS server at {host} does not say where the file is")
    return Download(check_href(action["href"], host), _headers(action.get("header"), host))


def check_href(href: str, host: str) -> str:
    """Return an address that a server sends us to; only https, or http to this machine.

    Raises:
        GitError: for any other. The address is not repeated: it may hold a signature.
    """
    found = _ADDRESS.match(href) if len(href) <= _LONGEST_HREF else None
    if found is None or (found["scheme"] == "http" and not _is_loopback(found["host"])):
        raise GitError(
            f"the Git LFS server at {host} sends us to an address that is not called: only https"
        )
    return href


def redirected(download: Download, target: str, host: str) -> Download:
    """Return what a redirect asks for; what says who we are stays with its origin.

    Raises:
        GitError: when it leads where we do not go.
    """
    try:
        joined = urljoin(download.href, target)
    except ValueError:
        joined = ""
    href = check_href(joined, host)
    same = origin_of(href) == origin_of(download.href)
    return Download(href, download.headers if same else {})


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return what credentials are bound to: scheme, host and port."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # none that is: the call will tell
        return parts.scheme, "", None
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port or default


class Arrival:
    """A file as it comes: never more than was promised, and in the end exactly that."""

    def __init__(self, pointer: LfsPointer, host: str) -> None:
        """Nothing has come yet."""
        self._pointer = pointer
        self._host = host
        self._pieces: list[bytes] = []
        self._size = 0
        self._digest = hashlib.sha256()

    def take(self, piece: bytes) -> None:
        """Take the next bytes; raises `GitError` when they are more than the pointer says."""
        self._size += len(piece)
        if self._size > self._pointer.size:
            raise GitError(
                f"{self._host} sends more than the {self._pointer.size} bytes of the file"
            )
        self._digest.update(piece)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """Return the file; raises `GitError` when it is another one than the pointer names."""
        if self._size != self._pointer.size or self._digest.hexdigest() != self._pointer.oid:
            raise GitError(
                f"{self._host} sends another file than the commit names"
                f" ({self._size} bytes, {self._pointer.size} expected): its SHA-256 differs"
            )
        return b"".join(self._pieces)


def _object(answer: bytes, pointer: LfsPointer) -> dict[str, Any] | None:
    """Return what an answer says of the one file that was asked for."""
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict) or body.get("transfer", "basic") != "basic":
        return None
    objects = body.get("objects")
    if not isinstance(objects, list):
        return None
    known = (each for each in objects if isinstance(each, dict))
    return next((each for each in known if each.get("oid") == pointer.oid), None)


def _headers(given: Any, host: str) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _MOST_HEADERS:
        raise GitError(f"the Git LFS server at {host} asks for headers that cannot be sent")
    for name, value in given.items():
        if not (isinstance(value, str) and _NAME.match(name) and _VALUE.match(value)):
            raise GitError(f"the Git LFS server at {host} asks for headers that cannot be sent")
    return {name: value for name, value in given.items() if name.lower() not in _NOT_THEIRS}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
