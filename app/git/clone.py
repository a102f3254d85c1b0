"""Somebody's own clone, read and never written: for commands that need no service."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import BadRequest, RefNotFound
from app.git.environment import hardened
from app.git.names import check_oid
from app.git.objects import ObjectReader
from app.git.process import Launcher
from app.git.repository import ok

_LONGEST = 250


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone: its work tree (None when it is bare), and what reads its objects."""

    top: Path | None
    launcher: Launcher
    objects: ObjectReader

    @property
    def algorithm(self) -> str:
        """The hash of the repository: `sha1` or `sha256`."""
        outcome = self.launcher.run(["rev-parse", "--show-object-format"])
        return ok(outcome, "Reading the repository").text

    def resolve(self, text: str) -> str:
        """Return the full id of the commit that a text names, as Git understands it.

        Raises:
            RefNotFound: when it names none, or more than one.
        """
        if not text or len(text) > _LONGEST or text.startswith("-"):
            raise RefNotFound(f"{text[:80]!r} cannot be the name of a commit")
        try:
            found = self.objects.info(f"{text}^{{commit}}")
        except BadRequest:
            found = None
        if found is None:
            raise RefNotFound(f"there is no commit {text!r}; git fetch, or name another one")
        return found.oid

    def merge_base(self, one: str, other: str) -> str:
        """Return the best common ancestor of two commits.

        Raises:
            RefNotFound: when they share no history.
        """
        command = ["merge-base", "--end-of-options", check_oid(one), check_oid(other)]
        found = ok(self.launcher.run(command), "Comparing commits", (0, 1)).text
        if not found:
            raise RefNotFound(f"{one[:12]} and {other[:12]} share no history")
        return found.splitlines()[0]


@contextmanager
def open_clone(folder: Path) -> Iterator[Clone]:
    """Open the repository that a folder lies in, until the end of the block.

    Raises:
        RefNotFound: when it lies in none.
    """
    top, git_dir = _find(folder.absolute())
    with tempfile.TemporaryDirectory(prefix="headwater-") as home:
        launcher = Launcher(git_dir, hardened(Path(home)))
        objects = ObjectReader(launcher)
        try:
            yield Clone(top, launcher, objects)
        finally:
            objects.close()


def _find(folder: Path) -> tuple[Path | None, Path]:
    """Return the work tree and the Git folder that a folder lies in."""
    for place in (folder, *folder.parents):
        inside = place / ".git"
        if inside.is_dir():
            return place, inside
        if inside.is_file():  # a linked work tree, or a submodule
            target = inside.read_text().removeprefix("gitdir:").strip()
            return place, (place / target).resolve()
        if (place / "HEAD").is_file() and (place / "objects").is_dir():
            return None, place
    raise RefNotFound(f"{folder} is in no Git repository")
