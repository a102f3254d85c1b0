"""CODEOWNERS: who answers for which path, by GitHub's rules. Pure.

Of several patterns that match a path the last one counts, also when it names nobody. Sections as
GitLab has them (`[Docs] @team`) give their owners to the patterns below that name none.
"""

import re
from collections.abc import Iterable

from app.git.ignore import Ignored

_SECTION = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?(?P<owners>(?:\s+\S+)*)\s*\Z")
_MOST = 1_000
PLACES = ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
"""Where the file may lie, the first that there is counts; paths in the repository."""


class Owners:
    """Tells who owns a path of the repository."""

    def __init__(self, text: str = "") -> None:
        """Read the rules, at most 1,000; a line that is no rule owns nothing."""
        self._rules: list[tuple[Ignored, tuple[str, ...]]] = []
        inherited: tuple[str, ...] = ()
        for line in text.removeprefix("\ufeff").splitlines()[:_MOST]:
            words = _words(line)
            section = _SECTION.match(line.strip())
            if section is not None:
                inherited = tuple(section["owners"].split())
            elif words and not words[0].startswith("!"):
                self._rules.append((Ignored(words[0]), tuple(words[1:]) or inherited))

    def of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path: `@user`, `@organisation/team` or an e-mail address."""
        for matches, owners in reversed(self._rules):
            if matches(path):
                return owners
        return ()

    def of_all(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return each owner of some of the paths -> these, both in order."""
        found: dict[str, list[str]] = {}
        for path in sorted(set(paths)):
            for owner in self.of(path):
                found.setdefault(owner, []).append(path)
        return {owner: tuple(found[owner]) for owner in sorted(found)}


def _words(line: str) -> list[str]:
    r"""Return the pattern and the owners of a line; a space in a pattern is written `\\ `."""
    text = line.strip()
    if not text or text.startswith("#"):
        return []
    words = re.split(r"(?<!\\)\s+", text)
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return [words[0].replace("\\ ", " "), *words[1:comment]]
