"""The values that write back takes and returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.db.changesets import Changeset
from app.errors import HeadwaterError
from app.git.writer import Writer
from app.sync.model import Actor
from app.sync.origin import Origin

Mode = Literal["pr", "push"]

Build = Callable[[Origin, Writer, str | None], str]
"""Builds one commit on a tip (blocking) and returns it, or the tip when nothing would change."""


class Proposed(HeadwaterError):
    """The change waits for somebody to merge it; nothing runs it before.

    No failure: it is raised where a change was asked for that the source takes by pull request
    only, and answered with 202.
    """

    code = "PROPOSED"
    status = 202

    def __init__(self, changesets: Sequence[Changeset]) -> None:
        """Tell of the changesets, one a source."""
        names = ", ".join(each.pull_url or each.branch or each.id for each in changesets)
        super().__init__(f"the change is proposed and waits to be merged: {names}")
        self.changesets = tuple(changesets)


class Change(NamedTuple):
    """One thing to write into a namespace; without `data` it is deleted.

    `kind`: flow, file, test, variables or secrets. `name`: the flow's id, or the path of a file or
    test below its folder.
    """

    namespace: str
    kind: str
    name: str
    data: bytes | None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become one commit, who wants it, and what reviewers are told."""

    id: str
    """Of the changeset; the commit names it in its trailers."""
    source_id: str
    tenant: str
    title: str
    actor: Actor
    build: Build
    description: str = ""
    """Markdown for the pull request."""
    kind: str = "edit"
    """edit | revert"""
    branch: str | None = None
    """The branch to propose it on; without it one is named after the actor and the changeset."""
    is_stored: bool = False
    """Whether the changeset is there already, with its drafts."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a change would do: the files it touches and the diff, on which commit, in which mode."""

    onto: str
    mode: Mode
    paths: tuple[str, ...] = ()
    diff: str = ""
    warnings: tuple[str, ...] = field(default=())
