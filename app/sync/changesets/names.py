"""Branches of changesets: what people see of them at the forge."""

import re

PREFIX = "headwater/"
"""Branches below it are ours: nobody else's is ever deleted."""

_ODD = re.compile(r"[^a-z0-9]+")
_LONGEST = 40


def edit_branch(user: str, changeset_id: str) -> str:
    """Return the branch of an edit: `headwater/<user>/<changeset>`."""
    return f"{PREFIX}{_plain(user) or 'somebody'}/{changeset_id}"


def revert_branch(sha: str, flow_id: str = "") -> str:
    """Return the branch of a revert: `headwater/revert/<sha8>-<flow>`."""
    flow = _plain(flow_id)
    return f"{PREFIX}revert/{sha[:8]}{'-' if flow else ''}{flow}"


def other_branch(branch: str, changeset_id: str) -> str:
    """Return another name for a branch that is taken."""
    return f"{branch}-{changeset_id[-6:].lower()}"


def _plain(text: str) -> str:
    return _ODD.sub("-", text.lower()).strip("-")[:_LONGEST].strip("-")
