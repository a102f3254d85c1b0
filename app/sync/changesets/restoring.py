"""Files put back as they were: by commits that changed them, or flows by revision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.db.records import FlowKey
from app.errors import BadRequest, Conflict, Invalid
from app.git.draft import Draft
from app.git.history import EXECUTABLE, REGULAR, Change, changes_between, commit_of
from app.git.trees import blob_of
from app.git.writer import Writer
from app.ports import FlowRevision
from app.sync.changesets.bodies import code
from app.sync.changesets.undoing import Undo, first_flow, newest_first, title_of, told_of
from app.sync.origin import Origin
from app.sync.passes import Parts


class _Back(NamedTuple):
    """One flow and the text that it gets back; None: it is deleted again."""

    key: FlowKey
    data: bytes | None
    path: str | None
    """Where it lies now; None: it does not."""
    was_at: str


def put_back(origin: Origin, commits: Sequence[str]) -> Undo:
    """Return the files of commits put back as they were before the first of them (blocking).

    Raises:
        RefNotFound: when a commit is not known here. BadRequest: for the first of a history.
    """
    ordered = newest_first(origin, commits)
    launcher = origin.mirror.disk.launcher
    known = [commit_of(launcher, sha) for sha in ordered]
    before: dict[str, Change] = {}
    for commit in known:  # the oldest has the last word
        if commit.first_parent is None:
            raise BadRequest(f"Commit {commit.sha[:12]} is the first of its history")
        changes = changes_between(launcher, commit.sha, commit.first_parent)
        before |= {each.path: each for each in changes}

    def step(origin: Origin, writer: Writer, tip: str, draft: Draft) -> str:
        if not all(origin.mirror.is_ancestor(sha, tip) for sha in ordered):
            raise BadRequest(f"Not all of the commits are in the history of {tip[:12]}")
        files = [each for each in before.values() if each.mode in (0, REGULAR, EXECUTABLE)]
        objects = origin.mirror.objects
        contents = {
            each.path: objects.read(each.new_blob) if each.new_blob else None for each in files
        }
        modes = {each.path: each.mode for each in files if each.mode}
        return writer.build(replace(draft, changes=contents, modes=modes), tip)

    place = first_flow(origin, ordered[0])
    return Undo(
        title=title_of("Put back what was before", known),
        bad=ordered[0],
        step=step,
        lines=tuple(f"Before commit {sha}." for sha in ordered),
        notes=told_of("Puts files back as they were before", known),
        tenant=place.tenant if place else "",
    )


async def revisions_back(parts: Parts, wanted: Mapping[FlowKey, FlowRevision]) -> Undo:
    """Return flows put back as revisions have them.

    Raises:
        Conflict: when a revision cannot run, or its text is not kept any more.
        Invalid: when a revision is of another source or flow.
    """
    found = [await _back(parts, key, revision) for key, revision in wanted.items()]

    def step(origin: Origin, writer: Writer, tip: str, draft: Draft) -> str:
        changes = {_path(origin, tip, each): each.data for each in found}
        there = {
            path: data
            for path, data in changes.items()
            if data is not None or blob_of(origin.mirror.objects, tip, path)
        }
        return writer.build(replace(draft, changes=there), tip) if there else tip

    first, revision = next(iter(wanted.items()))
    running = parts.flows.in_git(*first)
    return Undo(
        title=_title(wanted),
        bad=running.commit if running else revision.commit,
        step=step,
        lines=tuple(_line(key, each) for key, each in wanted.items()),
        notes=("\n".join(f"* {_told(key, each)}" for key, each in wanted.items()),),
        tenant=first[0],
        flow_id=first[2],
    )


async def _back(parts: Parts, key: FlowKey, revision: FlowRevision) -> _Back:
    _check(parts, key, revision)
    data = None
    if revision.kind != "delete":
        data = (await parts.flows.source(revision)).encode()
    running = parts.flows.in_git(*key)
    if running is not None:
        return _Back(key, data, running.path, revision.path)
    revisions = await parts.flows.revisions(*key)
    lies = revisions[-1].path if revisions and revisions[-1].kind != "delete" else None
    return _Back(key, data, lies, revision.path)


def _check(parts: Parts, key: FlowKey, revision: FlowRevision) -> None:
    name = f"revision {revision.revision} of {key[1]}.{key[2]}"
    if (revision.tenant, revision.namespace, revision.flow_id) != key:
        raise Invalid(f"{name} is a revision of {revision.namespace}.{revision.flow_id}")
    if revision.source_id != parts.indexer.source_id:
        raise Invalid(f"{name} comes from source {revision.source_id}; restore it there")
    if revision.state in ("invalid", "redacted"):
        raise Conflict(f"{name} is {revision.state} and cannot be restored")


def _path(origin: Origin, tip: str, back: _Back) -> str:
    """Return where a flow goes back to: where it lies now, else where it lay.

    Raises:
        Conflict: when the branch has something else there.
    """
    objects = origin.mirror.objects
    if back.path is not None:
        if blob_of(objects, tip, back.path) is None:
            raise Conflict(f"{back.path} was moved or deleted in the meantime; sync and try again")
        return back.path
    for path in (back.was_at, origin.layout.flow_path(*back.key)):
        if blob_of(objects, tip, path) is None:
            return path
    raise Conflict(f"{back.was_at} holds something else now; move it first")


def _title(wanted: Mapping[FlowKey, FlowRevision]) -> str:
    if len(wanted) == 1:
        (key, revision), *_ = wanted.items()
        return f"Restore flow {key[1]}.{key[2]} to revision {revision.revision}"
    return f"Restore {len(wanted)} flows"


def _line(key: FlowKey, revision: FlowRevision) -> str:
    return f"{key[1]}.{key[2]}: revision {revision.revision}, as of commit {revision.commit}."


def _told(key: FlowKey, revision: FlowRevision) -> str:
    name, commit = code(f"{key[1]}.{key[2]}"), code(revision.commit[:12])
    return f"{name} back to revision {revision.revision} ({commit} {code(revision.subject[:150])})"
