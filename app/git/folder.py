"""The folder of a mirror: made, opened, cleaned after a kill, moved aside when it is damaged."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from app.errors import GitError, MirrorCorrupt
from app.git.environment import hardened
from app.git.location import Location
from app.git.locks import FolderLock, remove_stale
from app.git.process import Launcher, Limits
from app.git.refs import KEEP, Refs
from app.git.repository import Repository, ok, open_repository


class Folder:
    """A repository folder, its lock, and the launcher of the processes that work in it.

    Beside `<folder>` stand `<folder>.lock`, `<folder>.home` (the empty home of Git children) and,
    after damage, one `<folder>.damaged`.
    """

    def __init__(self, path: Path, location: Location, limits: Limits) -> None:
        self.path = path.absolute()
        self.location = location
        self.limits = limits
        self.home = self._beside("home")
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock = FolderLock(self.path, limits.network_seconds)
        self.launcher = Launcher(self.path, hardened(self.home), limits)

    def open(self, object_format: Callable[[], str]) -> Repository:
        """Open the repository, or make it, asking `object_format` for its hash. Needs the lock.

        Raises:
            MirrorCorrupt: when a repository of our own is damaged.
        """
        if self.path.exists():
            self.remove_stale()
            try:
                return self._healthy()
            except MirrorCorrupt:
                self._refuse_own()
        self.take(self.fresh(object_format()))
        return self._healthy()

    def fresh(self, object_format: str) -> "Folder":
        """Make an empty repository beside this folder, to `take` its place once it is filled."""
        self._refuse_own()
        path = self._beside("new")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        options = [f"--initial-branch={self.location.branch}", f"--object-format={object_format}"]
        made = Folder(path, self.location, self.limits)
        ok(
            made.launcher.run(["init", "--bare", "--quiet", "--template=", *options]),
            "Making a mirror",
        )
        return made

    def take(self, fresh: "Folder") -> Path | None:
        """Put a fresh repository in place of this one; return where the old one is now."""
        aside = self._beside("damaged")
        old = self.path.exists()
        if old:
            shutil.rmtree(aside, ignore_errors=True)
            self.path.rename(aside)
        fresh.path.rename(self.path)
        shutil.rmtree(fresh.home, ignore_errors=True)
        return aside if old else None

    def remove_stale(self) -> list[str]:
        """Remove what killed Git commands have left behind. Needs the lock."""
        return remove_stale(self.path)

    def rescue(self, aside: Path) -> int:
        """Fetch the kept refs out of a damaged copy, one by one; return how many were saved."""
        try:
            damaged = open_repository(self._launcher_of(aside), self.lock)
            kept = Refs(damaged, self.lock).below(KEEP)
        except GitError:
            return 0
        return sum(self._rescue_one(aside, ref) for ref in kept)

    def launcher_with(self, environment: dict[str, str]) -> Launcher:
        """Return a launcher for this folder with another environment."""
        return Launcher(self.path, environment, self.limits)

    def trust_file(self, repository: Path) -> Path:
        """Write a Git configuration that trusts one local repository whoever owns it.

        Git takes `safe.directory` from no environment variable for the process that serves a fetch.
        """
        path = self._beside("gitconfig")
        quoted = str(repository).replace("\\", "\\\\").replace('"', '\\"')
        lines = [f'\tdirectory = "{quoted}"\n', f'\tdirectory = "{quoted}/.git"\n']
        text = "[safe]\n" + "".join(lines)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            fresh = path.with_suffix(f".{threading.get_ident()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(path)
        return path

    def _healthy(self) -> Repository:
        """Open the repository and look at every ref and its commit."""
        repository = open_repository(self.launcher, self.lock)
        try:
            Refs(repository, self.lock).below("refs/")
        except MirrorCorrupt:
            raise
        except GitError as error:
            raise MirrorCorrupt(error.message) from error
        return repository

    def _refuse_own(self) -> None:
        if self.location.is_own and self.path.exists():
            raise MirrorCorrupt(
                f"The repository {self.path.name} is damaged and has no other copy: restore its"
                " folder from a backup"
            )

    def _rescue_one(self, aside: Path, ref: str) -> bool:
        source = Location("file", str(aside), "this machine")
        environment = hardened(self.home, location=source)
        launcher = self.launcher_with(environment)
        return launcher.run(["fetch", "-q", "--no-tags", str(aside), f"+{ref}:{ref}"]).code == 0

    def _launcher_of(self, path: Path) -> Launcher:
        return Launcher(path, self.launcher.environment, self.limits)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")
