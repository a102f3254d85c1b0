"""Three versions of one file merged by `git merge-file`: two edits of the same base."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from app.errors import GitError
from app.git.failures import explain_local
from app.git.process import Launcher

_NAMES = ("yours", "base", "current")
_ERROR = 128
"""Exit codes below it count the conflicts."""


class Merged(NamedTuple):
    """The outcome; where the edits disagree it holds both between conflict markers."""

    data: bytes
    conflicts: int = 0


def merged(launcher: Launcher, yours: bytes, base: bytes, current: bytes) -> Merged:
    """Merge what two people made of `base` (blocking); nothing is written to the repository.

    Raises:
        GitError: for what cannot be merged, such as binary files.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-merge-") as folder:
        files = [Path(folder, name) for name in _NAMES]
        for file, data in zip(files, (yours, base, current), strict=True):
            file.write_bytes(data)
        labels = [part for name in _NAMES for part in ("-L", name)]
        outcome = launcher.run(["merge-file", "-p", "-q", *labels, *map(str, files)])
    if outcome.timed_out:
        raise GitError("Merging took too long and was stopped")
    if not 0 <= outcome.code < _ERROR:
        raise explain_local(outcome.err, "Merging")
    return Merged(outcome.out, outcome.code)
