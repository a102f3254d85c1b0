"""What became of signatures, remembered by commit and version of the keys."""

from app.git.signatures import Verdict

_MOST = 100_000


class VerdictCache:
    """Verdicts by commit; others than those of one version of the keys are forgotten."""

    def __init__(self) -> None:
        """Start with none."""
        self._version = ""
        self._known: dict[str, Verdict] = {}
        self.stored: set[str] = set()
        """Commits whose verdict needs no further writing."""

    def of(self, version: str) -> dict[str, Verdict]:
        """Return commit -> verdict by a version of the keys, to read and to add to."""
        if version != self._version or len(self._known) > _MOST:
            self._version, self._known, self.stored = version, {}, set()
        return self._known
