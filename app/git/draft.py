"""A commit that is to be made: what changes, who says so, and why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.errors import BadRequest
from app.git.names import check_path

_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")
_FORBIDDEN = str.maketrans("", "", "<>\n\r\0")


class Person(NamedTuple):
    """An author or committer. Characters that Git cannot take are dropped."""

    name: str
    email: str

    def ident(self, at: int) -> str:
        """Return `name <email> seconds +0000` for a time in µs since the epoch."""
        return f"{self.safe_name} <{self.safe_email}> {at // 1_000_000} +0000"

    @property
    def safe_name(self) -> str:
        """The name as Git takes it; never empty."""
        return self.name.translate(_FORBIDDEN).strip(" .,:;\"'") or "Unknown"

    @property
    def safe_email(self) -> str:
        """The address as Git takes it."""
        return self.email.translate(_FORBIDDEN).strip()


@dataclass(frozen=True, slots=True)
class Draft:
    """One commit to be made on top of some parent.

    `changes`: path -> new bytes, None deletes (a folder with all that it holds). Without a mode of
    its own, a file that is there keeps its executable bit and a new one has none. `trailers` end
    the message (`Changeset: 01J…`).
    """

    changes: Mapping[str, bytes | None]
    message: str
    author: Person
    trailers: Sequence[tuple[str, str]] = ()
    modes: Mapping[str, int] = field(default_factory=dict)
    """Path -> Git mode, where it is not to stay as it is."""

    def check(self) -> "Draft":
        """Return the draft if a commit can be made of it.

        Raises:
            BadRequest: for a path outside the repository, a path below another changed file, an
                empty message, or a trailer that is none.
        """
        for path, data in self.changes.items():
            check_path(path)
            above = [parent for parent in parents_of(path) if self.changes.get(parent) is not None]
            if data is not None and above:
                raise BadRequest(f"{path!r} cannot lie below the file {above[0]!r}")
        if not self.message.strip():
            raise BadRequest("A commit needs a message")
        for key, value in self.trailers:
            if not _TRAILER.match(key) or any(char in value for char in "\n\r\0"):
                raise BadRequest(f"{key[:40]!r} is no trailer of a commit message")
        return self

    def questions(self) -> list[str]:
        """Return every path that has to be known of the parent: those changed, and above them."""
        return [name for path in self.changes for name in (*parents_of(path), path)]

    def text(self) -> bytes:
        """Return the whole message, trailers in the last paragraph."""
        body = self.message.replace("\0", "").replace("\r\n", "\n").strip()
        trailers = "".join(f"{key}: {value.strip()}\n" for key, value in self.trailers)
        return f"{body}\n{chr(10) if trailers else ''}{trailers}".encode("utf-8", "replace")


def parents_of(path: str) -> list[str]:
    """Return the folders above a path, the nearest last."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
