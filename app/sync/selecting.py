"""Which of a repository's refs a source follows: a branch, a tag, or the highest version. Pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from app.errors import BadRequest
from app.git.refs import OWN_BRANCHES, TAGS

if TYPE_CHECKING:
    from semantic_version import NpmSpec, Version


def select(kind: str, name: str, listing: Mapping[str, str]) -> str | None:
    """Return the full name of the ref to follow among those of a listing, None if it is not there.

    `kind` and `name` as `SourceSettings.ref_kind` has them. Of a name that is both a branch and a
    tag, the branch is meant.

    Raises:
        BadRequest: when a range of versions cannot be read.
    """
    if kind == "semver":
        return highest(name, listing)
    named = {"branch": (OWN_BRANCHES + name,), "tag": (TAGS + name,)}
    candidates = named.get(kind, (OWN_BRANCHES + name, TAGS + name, name))
    return next((each for each in candidates if each in listing), None)


def missing(kind: str, name: str) -> str:
    """Return what there is not when `select` finds none."""
    told = {
        "branch": f"no branch {name!r}",
        "tag": f"no tag {name!r}",
        "semver": f"no tag that is a version in {name!r}",
        "commit": f"no commit {name!r} on its branches and tags",
    }
    return told.get(kind, f"no branch or tag {name!r}")


def highest(text: str, listing: Iterable[str]) -> str | None:
    """Return the tag of the highest version that a range allows; `v1.2.0` is a version, too.

    Ranges are npm's (`>=1.2 <2`, `^1.4`, `1.x`), commas may stand between the parts. A pre-release
    counts only where the range names one of the same version.
    """
    allowed = parse_range(text)
    found: list[tuple[Version, str]] = []
    for ref in listing:
        version = _version(ref.removeprefix(TAGS)) if ref.startswith(TAGS) else None
        if version is not None and version in allowed:
            found.append((version, ref))
    # Build numbers do not order versions: then the name decides, so that it is always the same.
    return max(found, key=lambda each: (each[0].precedence_key, each[1]))[1] if found else None


def parse_range(text: str) -> "NpmSpec":
    """Return a range of versions; raises `BadRequest`."""
    from semantic_version import NpmSpec  # noqa: PLC0415 - few sources follow versions

    try:
        return NpmSpec(" ".join(text.replace(",", " ").split()))
    except ValueError:
        message = f"ref: {text!r} is no range of versions such as '>=1.2 <2', '^1.4' or '1.x'"
        raise BadRequest(message) from None


def _version(tag: str) -> "Version | None":
    from semantic_version import Version  # noqa: PLC0415 - as above

    try:
        return Version(tag.removeprefix("v"))
    except ValueError:
        return None
