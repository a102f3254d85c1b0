"""Reverts: commits taken out again, and flows put back as they were, without a work tree.

A revert is a merge and may conflict; putting files back never does, and takes along whatever came
after in the same files. Either goes onto the branch or, where that takes no push, becomes a pull
request.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.db.changesets import Changeset
from app.db.records import FlowKey
from app.errors import Conflict, Forbidden, HeadwaterError, Invalid, PushRefused
from app.executions import execution_id
from app.git.history import changes_between, commit_of
from app.git.survey import shown
from app.git.writer import Writer
from app.ports import FlowRevision
from app.sync.changesets.bodies import quoted
from app.sync.changesets.following import revert_entry
from app.sync.changesets.model import Build, Mode, Trial, Wish
from app.sync.changesets.names import revert_branch
from app.sync.changesets.restoring import put_back, revisions_back
from app.sync.changesets.undoing import Undo, undo
from app.sync.model import Actor
from app.sync.origin import Origin
from app.sync.portion import is_own
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

MOST_COMMITS = 50
"""Commits that one revert takes out."""
_UNKNOWN = 503
"""The status of errors of a remote that did not answer: it may have taken what was pushed."""


class Told(NamedTuple):
    """What a revert says besides its reason: Markdown for its pull request, such as a plan."""

    title: str = ""
    notes: Sequence[str] = ()


class Reverts:
    """Reverts of every source."""

    def __init__(self, sources: SourceSet) -> None:
        """Revert in `sources`."""
        self._sources = sources

    async def open(
        self,
        source_id: str,
        *,
        commits: Sequence[str] = (),
        restore: Mapping[FlowKey, FlowRevision] | None = None,
        reason: str,
        actor: Actor,
        mode: Mode | None = None,
        told: Told = Told(),  # noqa: B008 - frozen
    ) -> Changeset:
        """Take commits out again, or put flows back as revisions have them; return the changeset.

        `commits`: ids, or how they begin; in any order. `restore`: flow -> the revision whose text
        it gets back (exactly one of the two is given). `mode`: `push` (onto the followed branch; a
        protected one gets a pull request) or `pr`; without it what the source does with edits. A
        remote or forge that does not answer delays a pull request and raises nothing: `state` and
        `error` tell, and it goes on by itself.

        Raises:
            NotFound: no such source. BadRequest: a commit is not in the history of the branch.
            MergeConflict: with `conflicts`, when later changes stand in the way of a revert.
            Conflict: when nothing would change, or the source is read-only.
        """
        worker = self._sources.get(source_id)
        worker.publisher.refuse_read_only()
        undo_of = await self._undo(worker, commits, restore)
        wish = _wish(worker, undo_of, reason, actor, told)
        return await self._made(worker, wish, _mode(worker, mode), reason)

    async def put_back(
        self,
        source_id: str,
        *,
        commits: Sequence[str],
        reason: str,
        actor: Actor,
        mode: Mode | None = None,
    ) -> Changeset:
        """Put every file that commits changed back as it was before the first of them.

        This is what is left where `open` conflicts: it cannot, but later changes of the same files
        are lost, too. Raises as `open`.
        """
        worker = self._sources.get(source_id)
        worker.publisher.refuse_read_only()
        origin = await worker.publisher.opened()
        await asyncio.to_thread(_refuse_others, worker, origin, commits)
        undo_of = await asyncio.to_thread(put_back, origin, _some(commits))
        wish = _wish(worker, undo_of, reason, actor, Told())
        return await self._made(worker, wish, _mode(worker, mode), reason)

    async def trial(
        self,
        source_id: str,
        *,
        commits: Sequence[str] = (),
        restore: Mapping[FlowKey, FlowRevision] | None = None,
        as_they_were: bool = False,
        mode: Mode | None = None,
    ) -> Trial:
        """Return what `open` (`as_they_were`: `put_back`) would do; raises as it would."""
        worker = self._sources.get(source_id)
        worker.publisher.refuse_read_only()
        origin = await worker.publisher.opened()
        if as_they_were:
            await asyncio.to_thread(_refuse_others, worker, origin, commits)
            undo_of = await asyncio.to_thread(put_back, origin, _some(commits))
        else:
            undo_of = await self._undo(worker, commits, restore)
        wish = _wish(worker, undo_of, "", Actor("Headwater"), Told())
        return await asyncio.to_thread(undo_of.tried, origin, wish.build, _mode(worker, mode))

    # -- private ---------------------------------------------------------------------------------

    async def _undo(
        self,
        worker: SourceWorker,
        commits: Sequence[str],
        restore: Mapping[FlowKey, FlowRevision] | None,
    ) -> Undo:
        if bool(commits) == bool(restore):
            message = "give the commits to revert, or the flows to restore"
            raise Invalid(message)
        origin = await worker.publisher.opened()
        if restore:
            return await revisions_back(worker.parts, restore)
        await asyncio.to_thread(_refuse_others, worker, origin, commits)
        return await asyncio.to_thread(undo, origin, _some(commits))

    async def _made(self, worker: SourceWorker, wish: Wish, mode: Mode, reason: str) -> Changeset:
        if mode == "push":
            try:
                return await self._pushed(worker, wish, reason)
            except PushRefused:
                pass  # the branch is protected: somebody has to agree
        made = await worker.proposer.propose(wish)
        if made is None:
            raise Conflict("nothing would change: the branch says that already")
        entry = revert_entry(made, worker.parts.clock.now(), reason)
        await self._sources.shared.audit.add(replace(entry, actor=wish.actor.name))
        return made

    async def _pushed(self, worker: SourceWorker, wish: Wish, reason: str) -> Changeset:
        store = worker.parts.sources.changesets
        try:
            made = await worker.pusher.push(_begun(worker, wish, reason), wish.build)
        except HeadwaterError as error:
            if error.status != _UNKNOWN:
                await store.forget(wish.id)
            raise
        if made is None:
            await store.forget(wish.id)
            raise Conflict("nothing would change: the branch says that already")
        return made


def _begun(worker: SourceWorker, wish: Wish, reason: str) -> Changeset:
    """Return the changeset of a revert that is to be pushed."""
    now = worker.parts.clock.now()
    return Changeset(
        id=wish.id,
        source_id=wish.source_id,
        tenant=wish.tenant,
        title=wish.title,
        owner=wish.actor.name,
        description=wish.description,
        owner_email=wish.actor.email,
        owner_id=wish.actor.owns_as,
        kind=wish.kind,
        base_commit=worker.source.last_applied,
        created_at=now,
        updated_at=now,
        reason=reason,
    )


def _wish(worker: SourceWorker, undo_of: Undo, reason: str, actor: Actor, told: Told) -> Wish:
    """Return an undo as a wish."""
    changeset_id = execution_id()
    title = told.title or undo_of.title
    parts = [quoted(reason), *undo_of.notes, *told.notes]
    return Wish(
        id=changeset_id,
        source_id=worker.id,
        tenant=undo_of.tenant or worker.spec.tenant,
        title=title,
        actor=actor,
        build=_bounded(worker, undo_of.built(title, reason, actor, changeset_id)),
        description="\n\n".join(part for part in parts if part),
        kind="revert",
        branch=revert_branch(undo_of.bad, undo_of.flow_id),
    )


def _refuse_others(worker: SourceWorker, origin: Origin, commits: Sequence[str]) -> None:
    """Refuse commits of what is not the source's own (blocking): whoever has that may revert them.

    Raises:
        Forbidden: naming the first path of others.
    """
    for each in commits:
        found = commit_of(origin.mirror.disk.launcher, origin.mirror.resolve(each))
        if found.first_parent is not None:
            _check_own(worker, origin, found.first_parent, found.sha)


def _bounded(worker: SourceWorker, build: Build) -> Build:
    """Return a build that is refused where it touches what is not the source's own: by renames."""

    def bounded(origin: Origin, writer: Writer, tip: str | None) -> str:
        sha = build(origin, writer, tip)
        if tip is not None and sha != tip:
            _check_own(worker, origin, tip, sha)
        return sha

    return bounded


def _check_own(worker: SourceWorker, origin: Origin, old: str, new: str) -> None:
    for change in changes_between(origin.mirror.disk.launcher, old, new):
        if not is_own(worker.parts, change.path):
            message = f"{shown(change.path)} is not in the part of the repository of {worker.id}"
            raise Forbidden(message)


def _mode(worker: SourceWorker, asked: Mode | None) -> Mode:
    """Return how a revert is published; a source that takes pull requests only stays one."""
    allowed = worker.publisher.mode
    return "pr" if allowed == "pr" or asked == "pr" else "push"


def _some(commits: Sequence[str]) -> Sequence[str]:
    if not commits or len(commits) > MOST_COMMITS:
        message = f"name 1 to {MOST_COMMITS} commits"
        raise Invalid(message)
    return list(dict.fromkeys(commits))
