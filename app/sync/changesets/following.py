"""Where a changeset stands: asked of the forge, of the branch, and of what is active.

What is true is looked up whenever something hints at it, so that a lost or repeated hint changes
nothing. A commit is known to be ours by its id, never by its message.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from app.db.audit import AuditEntry, audit_write
from app.db.changesets import IN_GIT, Changeset
from app.db.sql import Write
from app.errors import Conflict, GitError, HeadwaterError, NotFound
from app.git.history import changes_between
from app.git.revert import merge
from app.git.trees import tree_of
from app.ports import PullRequest
from app.sync.changesets.branches import delete_branch
from app.sync.changesets.names import PREFIX
from app.sync.changesets.proposing import Proposer
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts
from app.sync.publishing import Publisher
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_ENDED = {"closed": "CLOSED", "merged": "MERGED"}
_VERDICTS = {"failure": "CHECKS_FAILED", "success": "CHECKS_PASSED", "neutral": "CHECKS_PASSED"}
_UNPROPOSED = ("DRAFT", "COMMITTED", "MERGED")
"""States in which there is no branch to look for, nor a pull request."""
_SHOWN = 5
_WAITED = 24 * 3600 * 1_000_000
"""µs that another node may take to push a commit that it has noted."""


class Progress:
    """Follows the changesets of one source."""

    def __init__(self, parts: Parts, publisher: Publisher, proposer: Proposer) -> None:
        """`proposer` takes up what was not finished."""
        self._parts = parts
        self._publisher = publisher
        self._proposer = proposer
        self._store = parts.sources.changesets

    async def look(self, changeset: Changeset) -> Changeset:
        """Return a changeset as it stands now; what has changed is stored.

        A forge or remote that does not answer leaves it as it was.
        """
        async with self._proposer.turn:
            stored = await self._store.get(changeset.id)
            is_settled = not stored.may_change or stored.id in self._proposer.pushing
            return stored if is_settled else await self._looked_at(stored)

    async def _looked_at(self, changeset: Changeset) -> Changeset:
        try:
            now = await self._proposer.bring(changeset)
            pull, is_gone = await self._pull(now)
            now = await self._judged(now, pull, is_gone=is_gone)
            if now.state in ("MERGED", "ACTIVE", "CLOSED"):
                now = await self._tidied(now, pull)
        except HeadwaterError as error:
            _LOG.info("changeset not looked at", changeset=changeset.id, reason=error.message)
            return await self._store.get(changeset.id)
        return now

    async def _pull(self, changeset: Changeset) -> tuple[PullRequest | None, bool]:
        """Return the pull request, and whether there was one that is gone.

        A forge hides a whole repository from a token that lost its rights: nothing is gone then.
        """
        forge, number = self._parts.forge, changeset.pull_number
        if number is None or forge is None:
            return None, False
        try:
            return await forge.pull(number), False
        except NotFound:
            await forge.current_name()
            return None, True

    async def _judged(
        self, changeset: Changeset, pull: PullRequest | None, *, is_gone: bool
    ) -> Changeset:
        """Return the changeset in the state that forge, branch and activation put it in."""
        origin = await self._publisher.opened()
        merged = changeset.merged_sha or (pull.merged_sha if pull else None)
        now = replace(changeset, merged_sha=merged)
        where = await asyncio.to_thread(_landed, origin, now)
        if where is not None:
            active = await self._is_active(origin, where)
            return await self._in_state(now, "ACTIVE" if active else "MERGED")
        if pull is not None and pull.state in _ENDED:
            return await self._in_state(now, _ENDED[pull.state])
        if is_gone:
            return await self._in_state(now, "CLOSED", f"pull request {now.pull_number} is gone")
        if await self._lost_its_branch(origin, now):
            return await self._in_state(now, "CLOSED", f"the branch {now.branch} was deleted")
        return await self._open(origin, now, pull)

    async def _lost_its_branch(self, origin: Origin, changeset: Changeset) -> bool:
        """Whether somebody deleted the branch of a changeset that has no pull request."""
        if changeset.pull_number is not None or changeset.state in _UNPROPOSED:
            return False
        return await asyncio.to_thread(_is_gone, origin, changeset)

    async def _open(
        self, origin: Origin, changeset: Changeset, pull: PullRequest | None
    ) -> Changeset:
        """Return an open changeset with its conflicts, or the verdict of its checks."""
        if changeset.state in _UNPROPOSED:
            if not self._is_lost(changeset):
                return changeset
            return await self._in_state(changeset, "ABANDONED", "the commit was never pushed")
        head = pull.head_sha if pull else changeset.commit_sha or ""
        paths = await asyncio.to_thread(_conflicts, origin, changeset, head)
        if paths:
            return await self._in_state(changeset, "CONFLICT", f"conflicts in {paths}")
        if pull is None:
            return await self._in_state(changeset, "PUSHED", _kept(changeset))
        verdict = await self._store.verdict(changeset.source_id, pull.number, head)
        return await self._in_state(changeset, _VERDICTS.get(verdict or "", "PR_OPEN"))

    def _is_lost(self, changeset: Changeset) -> bool:
        """Whether a crash ended a revert before it was pushed: a draft of an edit may be kept."""
        age = self._parts.clock.now() - changeset.created_at
        return (changeset.state, changeset.kind) == ("DRAFT", "revert") and age > _WAITED

    async def _in_state(self, changeset: Changeset, state: str, error: str = "") -> Changeset:
        now = replace(changeset, state=state, error=error)
        before = await self._store.get(changeset.id)
        if now == before:
            return now
        at = self._parts.clock.now()
        told = landing(now, at) if before.state == "DRAFT" else ()
        return await self._store.save(replace(now, updated_at=at), *told)

    # -- what is active --------------------------------------------------------------------------

    async def _is_active(self, origin: Origin, commit: str) -> bool:
        """Whether every namespace that a commit changed has taken it up."""
        source_id = self._parts.indexer.source_id
        places = await asyncio.to_thread(_places, origin, commit)
        applied = (await self._parts.sources.get(source_id)).last_applied
        tip = await asyncio.to_thread(_tip, origin)
        for place in places:
            snapshot = await self._parts.sources.activation.snapshot(source_id, *place)
            at = (snapshot.commit if snapshot else None) or applied
            tree = snapshot.tree if snapshot else None
            if not await asyncio.to_thread(_holds, origin, (at, commit), (tip, tree), place):
                return False
        if places:
            return True
        return applied is not None and await asyncio.to_thread(
            origin.mirror.is_ancestor, commit, applied
        )

    async def _tidied(self, changeset: Changeset, pull: PullRequest | None) -> Changeset:
        """Delete the branch that is merged, and the drafts that are in Git."""
        if changeset.state == "CLOSED":
            await self._parts.sources.drafts.release(changeset.id)
            return changeset
        await self._parts.sources.drafts.remove_of(changeset.id)
        if changeset.branch is None:
            return changeset
        if changeset.branch.startswith(PREFIX):
            head = pull.head_sha if pull else changeset.commit_sha or ""
            origin = await self._publisher.opened()
            with suppress(Conflict):  # somebody pushed more to it: it is theirs now
                await asyncio.to_thread(delete_branch, origin, changeset.branch, head)
        return await self._store.save(replace(changeset, branch=None))


def landing(changeset: Changeset, at: int) -> Sequence[Write]:
    """Return what tells the audit log that a revert was pushed, for the write that notes it."""
    if changeset.kind != "revert" or changeset.state not in IN_GIT:
        return ()
    return (audit_write(revert_entry(changeset, at)),)


def revert_entry(changeset: Changeset, at: int, reason: str = "") -> AuditEntry:
    """Return the entry of the audit log about a revert."""
    return AuditEntry(
        tenant=changeset.tenant,
        at=at,
        actor=changeset.owner,
        action="source.revert",
        target=f"source/{changeset.source_id}",
        reason=changeset.reason or reason,
        detail={
            "changeset": changeset.id,
            "commit": changeset.commit_sha,
            "title": changeset.title,
        },
    )


def _kept(changeset: Changeset) -> str:
    """Return the error of a changeset that waits for its forge; one about conflicts is over."""
    return changeset.error if changeset.state == "PUSHED" else ""


def _tip(origin: Origin) -> str | None:
    try:
        return origin.mirror.tip(f"refs/heads/{origin.ref}")
    except GitError:
        return None


def _landed(origin: Origin, changeset: Changeset) -> str | None:
    """Return the commit of the followed branch that has the changeset, if one has (blocking)."""
    tip, mirror = _tip(origin), origin.mirror
    for sha in (changeset.commit_sha, changeset.merged_sha):
        if tip and sha and mirror.has(sha) and mirror.is_ancestor(sha, tip):
            return sha
    return None


def _is_gone(origin: Origin, changeset: Changeset) -> bool:
    """Whether the branch was deleted by somebody else (blocking)."""
    return f"refs/heads/{changeset.branch}" not in origin.mirror.ls_remote()


def _conflicts(origin: Origin, changeset: Changeset, head: str) -> str:
    """Return the paths in which a changeset conflicts with the branch, "" for none (blocking)."""
    tip, mirror = _tip(origin), origin.mirror
    sha = head if mirror.has(head) else changeset.commit_sha
    if tip is None or sha is None or tip == changeset.base_commit or not mirror.has(sha):
        return ""
    clashes = merge(mirror, tip, sha).clashes
    more = f" and {len(clashes) - _SHOWN} more" if len(clashes) > _SHOWN else ""
    return ", ".join(clash.path for clash in clashes[:_SHOWN]) + more


def _places(origin: Origin, commit: str) -> set[NamespaceKey]:
    """Return the namespaces that a commit changed against its first parent (blocking)."""
    launcher, mirror = origin.mirror.disk.launcher, origin.mirror
    parent = mirror.objects.info(f"{commit}^1^{{commit}}")
    if parent is None:
        return set()
    changes = changes_between(launcher, parent.oid, commit)
    found = [origin.layout.place(each.path) for each in changes]
    return {(each.tenant, each.namespace) for each in found if each and each.namespace}


def _holds(
    origin: Origin,
    commits: tuple[str | None, str],
    trees: tuple[str | None, str | None],
    place: NamespaceKey,
) -> bool:
    """Whether what is active at a place holds a commit, or says what the tip says (blocking)."""
    active, commit = commits
    if active is None:
        return False
    if active == commit or origin.mirror.is_ancestor(commit, active):
        return True
    tip, tree = trees
    folder = origin.layout.namespace_folder(*place)
    # What was taken out again before anybody looked is active where nothing is left of it.
    own = re.split("[-+]", tree or "")[0]  # without what it inherits, and what is ignored in it
    return tip is not None and (tree_of(origin.mirror.objects, tip, folder) or "") == own
