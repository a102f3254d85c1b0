"""CODEOWNERS: who must look at a change of which paths, in the language of GitHub and GitLab.

Patterns are gitignore's, without negation; the last line that matches a path counts, and a line
without owners takes earlier ones away, unless the section of GitLab (`[Docs] @team`) that it stands
in names some. Who reviews is asked by name: addresses of people are told, but not asked.
"""

import re
from collections.abc import Iterable, Sequence

from app.git.ignore import Ignored
from app.git.objects import ObjectReader
from app.git.trees import blob_of

PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where forges look for the file, the first one counts."""

_SECTION = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?(?P<owners>(?:\s+\S+)*)\s*\Z")
_LARGEST = 3 * 1024**2
_TOO_MANY = 2_000
_MOST = 15
"""Reviewers that are asked at once; GitHub takes no more."""


class Owners:
    """The owners of paths."""

    def __init__(self, text: str = "") -> None:
        """Read the rules, at most 2,000; a line that is none matches nothing."""
        self._rules: list[tuple[str, Ignored, tuple[str, ...]]] = []
        inherited: tuple[str, ...] = ()
        for line in text.removeprefix("\ufeff").splitlines()[:_TOO_MANY]:
            section = _SECTION.match(line.split(" #", 1)[0].strip())
            if section is not None:
                inherited = tuple(section["owners"].split())
            elif (rule := _rule(line)) is not None:
                pattern, matches, owners = rule
                self._rules.append((pattern, matches, owners or inherited))

    def written(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path as the file has them: `@user`, `@org/team`, an address."""
        for pattern, matches, owners in reversed(self._rules):
            if matches(path) and _is_as_deep(pattern, path):
                return owners
        return ()

    def of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path without their `@`: users, and `org/team`."""
        owners = self.written(path)
        return tuple(name[1:] for name in owners if name.startswith("@") and len(name) > 1)

    def by_owner(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return each owner of some paths, as written -> these paths, both in order."""
        found: dict[str, list[str]] = {}
        for path in sorted(set(paths)):
            for owner in self.written(path):
                found.setdefault(owner, []).append(path)
        return {owner: tuple(found[owner]) for owner in sorted(found)}

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
    return pattern, Ignored(pattern), tuple(owners)


def _is_as_deep(pattern: str, path: str) -> bool:
    """Whether `folder/*` is meant: it is for the folder's own files only, unlike in gitignore."""
    if not pattern.endswith("/*") or "**" in pattern:
        return True
    return path.count("/") == pattern.strip("/").count("/")
