"""GitPython, held to plumbing: `repo.git.<command>` with our processes underneath.

`git.Repo.GitCommandWrapperType` is GitPython's own seam for this. Its object model is not used: one
full history through it took 115 s against 1.2 s for `git log`, and its persistent `cat-file` is
not safe among threads.
"""

from collections.abc import Sequence
from typing import Any

import git

from app.errors import GitError, MirrorCorrupt
from app.git.failures import explain_local
from app.git.locks import FolderLock
from app.git.process import Launcher, Outcome


class HardenedGit(git.Git):
    """GitPython's command object, running every child by a `Launcher`.

    `git.<command>(*arguments, stdin=b"", seconds=None, launcher=None)` returns an `Outcome`
    whatever the exit code was. Arguments are passed as they are: GitPython's translation of
    keywords into options, and the state that it keeps between calls, are not used.
    """

    launcher: Launcher
    lock: FolderLock
    """Children that a thread starts while it holds the lock hold on to it, too."""

    def execute(  # type: ignore[override]  # narrower on purpose: what is unknown here must fail
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        seconds: float | None = None,
        launcher: Launcher | None = None,
    ) -> Outcome:
        """Run the command (its first word is the program) and return its outcome."""
        chosen = launcher or self.launcher
        return chosen.run(command[1:], stdin=stdin, seconds=seconds, keep=self.lock.inherited())

    def _call_process(  # type: ignore[override]  # narrower, as `execute`
        self, method: str, *args: str, **options: Any
    ) -> Outcome:
        """Run `git method args`: what GitPython does for `git.<method>(…)`."""
        return self.execute(["git", method.replace("_", "-"), *args], **options)


class Repository(git.Repo):
    """A bare repository on disk, reached by `git.<plumbing>` and nothing else."""

    GitCommandWrapperType = HardenedGit
    git: HardenedGit


def open_repository(launcher: Launcher, lock: FolderLock) -> Repository:
    """Return the bare repository in the launcher's folder.

    Raises:
        MirrorCorrupt: when the folder is not a repository (any more).
    """
    try:
        repository = Repository(launcher.folder, expand_vars=False)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise MirrorCorrupt(f"{launcher.folder.name} is not a Git repository") from error
    repository.git.launcher = launcher
    repository.git.lock = lock
    return repository


def ok(outcome: Outcome, what: str, codes: Sequence[int] = (0,)) -> Outcome:
    """Return the outcome of a local command when its exit code is one of `codes`.

    Raises:
        GitError: with `what` and Git's reason otherwise.
        MirrorCorrupt: when the reason is a damaged repository.
    """
    if outcome.timed_out:
        raise GitError(f"{what}: Git took too long and was stopped")
    if outcome.code not in codes:
        raise explain_local(outcome.err, what)
    return outcome
