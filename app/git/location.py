"""Where a repository is: a remote by https or ssh, a bare repository on disk, or one of our own."""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from app.errors import BadRequest

Kind = Literal["https", "http", "ssh", "file", "own"]

_SCP = re.compile(r"[A-Za-z0-9_][\w.-]*@(?P<host>[\w.]+[\w.-]*|\[[0-9a-f:]+\]):[^-/].*\Z")

_PORTS = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an https remote is shown: a user and a password or token (Basic), or a bearer token."""

    password: str = field(repr=False)
    username: str | None = "x-access-token"
    """None: send `password` as a bearer token."""

    def header(self) -> str:
        """Return the value of the `Authorization` header."""
        if self.username is None:
            return f"Bearer {self.password}"
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {b64encode(pair).decode()}"

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not appear in a message or log line."""
        return self.password, self.header().split(" ", 1)[1]


@dataclass(frozen=True, slots=True)
class SshKey:
    """The deploy key of an ssh remote: files on disk; the host key must be known beforehand."""

    private_key: Path
    known_hosts: Path


CredentialSource = Callable[[], Credentials | None]
"""Asked before each network command, so that short-lived tokens stay fresh."""


@dataclass(frozen=True, slots=True)
class Access:
    """What pushes are allowed by, where it is not what reads are; None: the same."""

    credentials: Credentials | None = None
    ssh_key: SshKey | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where a repository is. Make one with `remote`, `local` or `own`."""

    kind: Kind
    url: str
    host: str
    branch: str = "main"
    """The branch of an `own` repository that is made with its first commit."""

    @property
    def is_own(self) -> bool:
        """Whether the mirror is the repository itself, so that nothing is ever fetched."""
        return self.kind == "own"

    @property
    def port(self) -> int:
        """The port that a remote is asked at; 0 for what is on disk."""
        given = urlsplit(self.url).port if "://" in self.url else None
        return given or _PORTS.get(self.kind, 0)

    @property
    def base_url(self) -> str:
        """Scheme, host and port: what credentials are bound to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/"

    @property
    def is_internal(self) -> bool:
        """Whether the host is, by its name alone, no public one: an inner address, a bare name."""
        try:
            return not ipaddress.ip_address(self.host).is_global
        except ValueError:
            inner = self.host.endswith((".local", ".internal", ".localhost", ".lan"))
            return inner or "." not in self.host

    def __str__(self) -> str:
        return self.url or "the repository kept here"


AddressSource = Callable[[Location], Sequence[str]]
"""Asked before each network command: the checked addresses of a host that Git shall connect to.

None at all: Git looks the host up itself, as behind a proxy. Raises `GitError` when the host must
not be asked.
"""


def remote(url: str, *, allow_http: bool = False) -> Location:
    """Return the location of a remote repository.

    `https://…`, `ssh://…` and `user@host:path` are accepted; `http://` only to this machine's
    loopback addresses and only with `allow_http`.

    Raises:
        BadRequest: for any other scheme, and for an address that carries a password.
    """
    _refuse_controls(url)
    scp = _SCP.match(url)
    if scp and "://" not in url:
        return Location("ssh", url, scp["host"].strip("[]"))
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or host.startswith("-"):
        raise BadRequest("A repository address is https://…, ssh://… or user@host:path")
    if parts.scheme == "ssh":
        if parts.password or (parts.username or "").startswith("-"):
            raise BadRequest(f"The address of {host} must name a plain user; use a deploy key")
        return Location("ssh", url, host)
    if parts.username or parts.password:
        raise BadRequest(f"The address of {host} carries credentials; configure them apart from it")
    if parts.scheme == "https" or (parts.scheme == "http" and allow_http and _is_loopback(host)):
        return Location("https" if parts.scheme == "https" else "http", url, host)
    raise BadRequest(f"Repositories are read by https or ssh, not by {parts.scheme!r}")


def local(path: Path) -> Location:
    """Return the location of a repository on this machine's disk, usually a bare one."""
    _refuse_controls(str(path))
    return Location("file", str(path.absolute()), "this machine")


def own(branch: str = "main") -> Location:
    """Return the location of a repository that is made and kept by Headwater itself."""
    return Location("own", "", "this machine", branch)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_controls(text: str) -> None:
    if any(ord(char) < 33 or ord(char) == 127 for char in text if char != " "):
        raise BadRequest("A repository address holds no control characters")
