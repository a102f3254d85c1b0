"""Refs of a mirror: read all at once, moved in transactions that compare before they set."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.errors import Conflict, GitError
from app.git.failures import explain_local
from app.git.locks import FolderLock
from app.git.names import ZERO
from app.git.repository import Repository, ok

BRANCHES = "refs/remotes/origin/"
OWN_BRANCHES = "refs/heads/"
TAGS = "refs/tags/"
INCOMING = "refs/headwater/incoming/"
KEEP = "refs/headwater/keep/"
PENDING = "refs/headwater/pending/"
PULLS = "refs/headwater/pull/"


class RefUpdate(NamedTuple):
    """One ref to move. `new` None deletes; `old` None: whatever it was, "" : must not exist."""

    ref: str
    new: str | None
    old: str | None = None


class Refs:
    """The refs of one repository; they are moved under the lock of its folder."""

    def __init__(self, repository: Repository, lock: FolderLock) -> None:
        self._git = repository.git
        self._lock = lock

    def below(self, *prefixes: str) -> dict[str, str]:
        """Return full name -> object id of every ref below the prefixes (which end in a slash).

        Raises:
            MirrorCorrupt: when a ref or what it points at cannot be read.
        """
        what = "Reading the refs"
        shape = "--format=%(refname) %(objectname) %(objecttype)"
        patterns = [prefix.rstrip("/") for prefix in prefixes]
        outcome = ok(self._git.for_each_ref(shape, *patterns), what)
        if "broken ref" in outcome.err or "missing object" in outcome.err:
            raise explain_local(outcome.err, what)
        lines = (line.split(" ") for line in outcome.text.splitlines())
        return {name: oid for name, oid, _ in lines}

    def update(self, updates: Iterable[RefUpdate]) -> None:
        """Move all refs or none.

        Raises:
            Conflict: when one of them is not at its `old` any more.
        """
        lines = [_line(update) for update in updates]
        if not lines:
            return
        with self._lock.held():
            outcome = self._git.update_ref("--no-deref", "--stdin", "-z", stdin=b"".join(lines))
        if outcome.code and ("but expected" in outcome.err or "already exists" in outcome.err):
            raise Conflict("The branch moved in the meantime; read it again and repeat the change")
        ok(outcome, "Moving refs")

    def replace(self, wanted: Mapping[str, str], present: Mapping[str, str]) -> None:
        """Make the refs in `present` be those of `wanted`.

        Deletions first: a branch `a` may have made room for `a/b`.
        """
        self.update(RefUpdate(name, None) for name in present if name not in wanted)
        self.update(
            RefUpdate(name, oid) for name, oid in wanted.items() if present.get(name) != oid
        )


def _line(update: RefUpdate) -> bytes:
    """Return one command of `update-ref --stdin -z`."""
    parts: Sequence[str]
    old = ZERO if update.old == "" else (update.old or "")
    if update.new is None:
        parts = (f"delete {update.ref}", old)
    else:
        parts = (f"update {update.ref}", update.new, old)
    return "".join(f"{part}\0" for part in parts).encode("utf-8", "surrogateescape")


def object_format(oids: Iterable[str]) -> str:
    """Return the hash of a repository that has these ids: `sha1` or `sha256`."""
    lengths = {len(oid) for oid in oids}
    if len(lengths) > 1:
        raise GitError("The remote mixes SHA-1 and SHA-256 object ids")
    return "sha256" if lengths == {64} else "sha1"
