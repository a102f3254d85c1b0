"""Reverts and merges without a work tree: `git merge-tree --write-tree` (Git 2.38 or later).

The revert of commit B on top of T is the merge of T with a made-up commit that has B as its parent
and the tree of B's parent: their merge base is B, so that what B did is taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.errors import BadRequest, Conflict, MergeConflict, ObjectMissing
from app.git.draft import Draft, Person
from app.git.history import commit_of
from app.git.mirror import Mirror
from app.git.names import check_oid
from app.git.repository import ok
from app.git.survey import shown
from app.git.trees import blob_of, tree_of
from app.git.writer import Writer

_BOT = Person("Headwater", "headwater@localhost")
_MARKERS = ("<<<<<<<", "=======", ">>>>>>>")
_SHOWN_LINES = 200
_SHOWN_CHARACTERS = 10_000
"""Of one side of a hunk: whoever proposes a change says how long its lines are."""
_MOST_HUNKS = 50
"""Of one file."""
_DETAILED = 100
"""Files whose hunks are read; of the others it is told only that they clash."""


class Hunk(NamedTuple):
    """One place of a file where two sides disagree. `line` counts from 1 in the marked file."""

    line: int
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Clash:
    """A file that does not merge; without hunks when one side deleted or moved it."""

    path: str
    message: str
    hunks: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of a merge: its tree, with conflict markers where there are clashes."""

    tree: str
    clashes: tuple[Clash, ...] = ()

    def clean(self, what: str) -> str:
        """Return the tree of a merge without clashes.

        Raises:
            MergeConflict: with `conflicts` among its details.
        """
        if not self.clashes:
            return self.tree
        paths = ", ".join(clash.path for clash in self.clashes[:5])
        conflicts = [
            {
                "path": clash.path,
                "message": clash.message,
                "hunks": [hunk._asdict() for hunk in clash.hunks],
            }
            for clash in self.clashes
        ]
        raise MergeConflict(f"{what} conflicts in {paths}", conflicts=conflicts)


def merge(mirror: Mirror, ours: str, theirs: str) -> Merge:
    """Merge two commits and return the outcome; nothing but objects is written.

    Raises:
        BadRequest: when they have no common history.
    """
    command = ("--write-tree", "-z", "--messages", "--end-of-options")
    git = mirror.repository.git
    with mirror.disk.lock.held():
        outcome = git.merge_tree(*command[:3], check_oid(ours), check_oid(theirs))
    if "unrelated histories" in outcome.err:
        raise BadRequest("The two commits share no history")
    ok(outcome, "Merging", (0, 1))
    tree, *rest = outcome.out.decode("utf-8", "surrogateescape").split("\0")
    if outcome.code == 0:
        return Merge(tree)
    return Merge(tree, _clashes(mirror, tree, rest))


def revert(
    writer: Writer, mirror: Mirror, commits: Sequence[str], *, onto: str, draft: Draft
) -> str:
    """Build one commit on top of `onto` that takes `commits` out again; newest first.

    A merge commit is reverted against its first parent. Nothing is published: see `Writer.publish`.

    Raises:
        MergeConflict: with the hunks, when later changes stand in the way.
        Conflict: when there is nothing left to take out.
        BadRequest: when a commit is not in the history of `onto`, or is its root.
    """
    made: list[str] = []
    final = ""
    try:
        current = onto
        for bad in commits:
            tree = _without(writer, mirror, bad, onto=current, made=made)
            current = writer.build_tree(tree, draft, [current])
            made.append(current)
        if tree_of(mirror.objects, current) == tree_of(mirror.objects, onto):
            raise Conflict("These commits are reverted already: nothing would change")
        tree = tree_of(mirror.objects, current) or ""
        final = writer.build_tree(tree, draft, [onto])
    finally:
        for sha in made:
            if sha != final:  # for a single commit the last step is the result already
                writer.drop(sha)
    return final


def restored(mirror: Mirror, commit: str, paths: Sequence[str]) -> dict[str, bytes | None]:
    """Return the changes that put files back as they were at a commit; this cannot conflict."""
    changes: dict[str, bytes | None] = {}
    for path in paths:
        blob = blob_of(mirror.objects, commit, path)
        changes[path] = mirror.objects.read(blob) if blob else None
    return changes


def _without(writer: Writer, mirror: Mirror, bad: str, *, onto: str, made: list[str]) -> str:
    """Return the tree of `onto` without what `bad` did."""
    if not mirror.has(bad) or not mirror.is_ancestor(bad, onto):
        raise BadRequest(f"Commit {bad[:12]} is not in the history of {onto[:12]}")
    parent = commit_of(mirror.disk.launcher, bad).first_parent
    if parent is None:
        raise BadRequest(f"Commit {bad[:12]} is the first of its history and cannot be reverted")
    before = tree_of(mirror.objects, parent)
    if before is None:
        raise ObjectMissing(f"The repository does not hold the tree of {parent[:12]}")
    opposite = writer.build_tree(before, Draft({}, f"Undo {bad}", _BOT), [bad])
    made.append(opposite)
    return merge(mirror, onto, opposite).clean(f"The revert of {bad[:12]}")


def _clashes(mirror: Mirror, tree: str, rest: Sequence[str]) -> tuple[Clash, ...]:
    """Read the list of conflicted files (`mode oid stage<TAB>path`), ended by an empty text."""
    end = rest.index("") if "" in rest else len(rest)
    paths = dict.fromkeys(record.partition("\t")[2] for record in rest[:end])
    messages = _messages(rest[end + 1 :])
    return tuple(
        Clash(
            shown(path),
            messages.get(path, "conflict"),
            _hunks(mirror, tree, path) if number < _DETAILED else (),
        )
        for number, path in enumerate(paths)
    )


def _messages(fields: Sequence[str]) -> dict[str, str]:
    """Read groups of: number of paths, the paths, kind, text."""
    found: dict[str, str] = {}
    at = 0
    while at < len(fields) and fields[at].strip().isdigit():
        count = int(fields[at])
        paths, texts = fields[at + 1 : at + 1 + count], fields[at + 1 + count : at + 3 + count]
        if texts and texts[0].startswith("CONFLICT"):
            found |= dict.fromkeys(paths, shown(texts[-1].strip()))
        at += count + 3
    return found


def _hunks(mirror: Mirror, tree: str, path: str) -> tuple[Hunk, ...]:
    """Cut the places between conflict markers out of a merged file."""
    info = mirror.objects.info(f"{tree}:{path}") if path.isprintable() else None
    if info is None or info.kind != "blob" or info.size > 1 << 20:
        return ()
    hunks: list[Hunk] = []
    sides: tuple[list[str], list[str]] = ([], [])
    side, start = -1, 0
    text = mirror.objects.read(info.oid).decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(_MARKERS[0]):
            sides, side, start = ([], []), 0, number
        elif line.startswith(_MARKERS[1]) and side == 0:
            side = 1
        elif line.startswith(_MARKERS[2]) and side == 1:
            hunks.append(Hunk(start, *map(_side, sides)))
            side = -1
            if len(hunks) == _MOST_HUNKS:
                break
        elif side >= 0:
            sides[side].append(line)
    return tuple(hunks)


def _side(lines: Sequence[str]) -> str:
    return "\n".join(lines[:_SHOWN_LINES])[:_SHOWN_CHARACTERS]
