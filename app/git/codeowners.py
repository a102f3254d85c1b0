"""CODEOWNERS: who must look at a change of which paths, in the language of GitHub and GitLab.

Patterns are gitignore's, without negation; the last line that matches a path counts, and a line
without owners takes earlier ones away. Addresses of people are not used: forges want names.
"""

from collections.abc import Iterable, Sequence

from app.git.ignore import Ignored
from app.git.objects import ObjectReader
from app.git.trees import blob_of

PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where forges look for the file, the first one counts."""

_LARGEST = 3 * 1024**2
_TOO_MANY = 2_000
_MOST = 15
"""Reviewers that are asked at once; GitHub takes no more."""


class Owners:
    """The owners of paths."""

    def __init__(self, text: str) -> None:
        """Read the rules, at most 2,000; a line that is none matches nothing."""
        lines = text.removeprefix("\ufeff").splitlines()[:_TOO_MANY]
        self._rules = [rule for line in lines if (rule := _rule(line)) is not None]

    def of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path without their `@`: users, and `org/team`."""
        for pattern, matches, names in reversed(self._rules):
            if matches(path) and _is_as_deep(pattern, path):
                return names
        return ()

    def of_all(self, paths: Iterable[str], *, but: str = "") -> tuple[str, ...]:
        """Return whom to ask about several paths, at most fifteen, without one person."""
        found = dict.fromkeys(name for path in paths for name in self.of(path))
        return tuple(name for name in found if name.casefold() != but.casefold())[:_MOST]


def owners_at(objects: ObjectReader, commit: str, root: str = "") -> Owners:
    """Return the owners that a commit names (blocking); `root` is where else the file may lie."""
    places: Sequence[str] = (*PLACES, *((f"{root}/CODEOWNERS",) if root else ()))
    for place in places:
        blob = blob_of(objects, commit, place)
        if blob is not None:
            return Owners(objects.read(blob, limit=_LARGEST).decode("utf-8", "replace"))
    return Owners("")


def _rule(line: str) -> tuple[str, Ignored, tuple[str, ...]] | None:
    """Read `pattern @owner @org/team`; blanks of the pattern are escaped."""
    text = line.replace("\\ ", "\0").split(" #", 1)[0].strip()
    if not text or text.startswith(("#", "[", "^", "!")):
        return None
    pattern, *owners = text.split()
    pattern = pattern.replace("\0", " ")
    names = [name[1:] for name in owners if name.startswith("@") and len(name) > 1]
    return pattern, Ignored(pattern), tuple(names)


def _is_as_deep(pattern: str, path: str) -> bool:
    """Whether `folder/*` is meant: it is for the folder's own files only, unlike in gitignore."""
    if not pattern.endswith("/*") or "**" in pattern:
        return True
    return path.count("/") == pattern.strip("/").count("/")
