"""From a wish to a pull request: commit, branch, push, request; each step can be taken up again.

What is done is stored after every step, so that a crash, a forge that is down or a remote that
does not answer costs a delay and nothing else: `bring` goes on from where it stopped.
"""

import asyncio
from dataclasses import replace

from app.db.audit import AuditEntry, AuditStore
from app.db.changesets import OPEN, Changeset
from app.errors import Conflict, GitError, HeadwaterError, Invalid, Unavailable
from app.executions import execution_id
from app.git.codeowners import owners_at
from app.git.history import changes_between
from app.git.trees import tree_of
from app.ports import Forge, NewPull, PullRequest
from app.sync.changesets.bodies import body
from app.sync.changesets.branches import push_branch
from app.sync.changesets.model import Wish
from app.sync.changesets.names import edit_branch
from app.sync.changesets.telling import Telling
from app.sync.freezing import refuse_suspended
from app.sync.origin import Origin
from app.sync.passes import Parts
from app.sync.publishing import Publisher
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_LONGEST_TITLE = 200
_WAITED = 24 * 3600 * 1_000_000
"""µs that a commit may be missing before it is given up."""


class Proposer:
    """Proposes changes of one source."""

    def __init__(
        self, parts: Parts, publisher: Publisher, audit: AuditStore, telling: Telling
    ) -> None:
        """Propose to the repository (and forge) of `parts`."""
        self._parts = parts
        self._publisher = publisher
        self._audit = audit
        self._telling = telling
        self._store = parts.sources.changesets
        self.turn = asyncio.Lock()
        """Held while a changeset is moved on: requests, hints and sweeps meet here."""
        self.pushing: set[str] = set()
        """Changesets that a request pushes just now: it tells by itself what became of them."""

    async def propose(self, wish: Wish) -> Changeset | None:
        """Make a changeset of a wish and bring it as far as it goes; None: nothing would change.

        A wish that an open changeset of the same person fulfils already is that changeset.

        Raises:
            Conflict: when the change makes no sense on the tip, or the source is suspended;
                PushRefused, AuthFailed: by the remote. A remote or forge that does not answer is
                no error: see `error` and `state`.
        """
        await refuse_suspended(self._parts)
        origin = await self._publisher.opened()
        tip, sha = await asyncio.to_thread(_built, origin, wish)
        if sha == tip:
            return None
        same = None if wish.is_stored else await self._same(origin, wish, sha)
        if same is not None:
            await asyncio.to_thread(origin.writer().drop, sha)
            return same
        async with self.turn:
            return await self.bring(await self._committed(wish, tip, sha))

    async def _same(self, origin: Origin, wish: Wish, sha: str) -> Changeset | None:
        """Return an open changeset that leads to the very same files."""
        found = await self._store.find(source_id=wish.source_id, states=OPEN)
        mine = [each for each in found if each.owner_id == wish.actor.owns_as and each.commit_sha]
        if not mine:
            return None
        objects = origin.mirror.objects
        wanted = await asyncio.to_thread(tree_of, objects, sha)
        for each in mine:
            if await asyncio.to_thread(tree_of, objects, each.commit_sha or sha) == wanted:
                return each
        return None

    async def _committed(self, wish: Wish, tip: str | None, sha: str) -> Changeset:
        now = self._parts.clock.now()
        title = " ".join(wish.title.split())[:_LONGEST_TITLE]
        changeset = Changeset(
            id=wish.id,
            source_id=wish.source_id,
            tenant=wish.tenant,
            title=title,
            owner=wish.actor.name,
            description=wish.description,
            owner_email=wish.actor.email,
            owner_id=wish.actor.owns_as,
            kind=wish.kind,
            state="COMMITTED",
            base_commit=tip,
            branch=wish.branch or edit_branch(wish.actor.name, wish.id),
            commit_sha=sha,
            created_at=now,
            updated_at=now,
        )
        await self._store.save(changeset)
        await self._note(changeset, "changeset.commit", wish.actor.name)
        return changeset

    # -- on its way ------------------------------------------------------------------------------

    async def bring(self, changeset: Changeset) -> Changeset:
        """Bring a changeset as far as it goes now: push its branch, open its pull request.

        The caller holds `turn`.

        Raises:
            HeadwaterError: when it can never be pushed; it is ABANDONED then.
        """
        try:
            if changeset.state == "COMMITTED":
                changeset = await self._pushed(changeset)
            if changeset.state == "PUSHED" and self._parts.forge is not None:
                changeset = await self._asked(changeset, self._parts.forge)
        except HeadwaterError as error:
            return await self._failed(changeset, error)
        return changeset

    async def _pushed(self, changeset: Changeset) -> Changeset:
        origin = await self._publisher.opened()
        sha = changeset.commit_sha or ""
        if not await asyncio.to_thread(origin.mirror.has, sha):
            raise self._missing(changeset)
        branch = await asyncio.to_thread(push_branch, origin, changeset)
        return await self._saved(changeset, state="PUSHED", branch=branch, error="")

    def _missing(self, changeset: Changeset) -> HeadwaterError:
        """Return the error of a commit that is not here: another node has it, or nobody has."""
        age = self._parts.clock.now() - changeset.created_at
        if age < _WAITED:
            return Unavailable("the commit is not here; the node that made it pushes it")
        return Conflict("the commit was lost before it was pushed; submit the changes again")

    async def _asked(self, changeset: Changeset, forge: Forge) -> Changeset:
        """Open the pull request, or find the one that was opened before a crash."""
        origin = await self._publisher.opened()
        reviewers = await asyncio.to_thread(_reviewers, origin, changeset)
        plan = await self._telling.of(changeset)
        new = NewPull(
            head=changeset.branch or "",
            base=origin.ref,
            title=changeset.title,
            body=body([changeset.description, plan], changeset.id, changeset.owner),
            reviewers=reviewers,
        )
        try:
            pull = await forge.open_pull(new)
        except Invalid:
            found = await _existing(forge, changeset, origin.ref)
            if found is None:
                raise
            await forge.request_reviews(found.number, reviewers)  # nobody may have been asked yet
            pull = found
        made = await self._saved(
            changeset, state="PR_OPEN", pull_number=pull.number, pull_url=pull.url, error=""
        )
        await self._note(made, "changeset.propose", changeset.owner)
        return made

    async def _failed(self, changeset: Changeset, error: HeadwaterError) -> Changeset:
        """Keep what may go on later, and give up what never will."""
        if error.status == 503 or changeset.state == "PUSHED":
            _LOG.warning("changeset delayed", changeset=changeset.id, reason=error.message)
            return await self._saved(changeset, error=error.message)
        await self._saved(changeset, state="ABANDONED", error=error.message)
        await self._parts.sources.drafts.release(changeset.id)
        origin = await self._publisher.opened()
        if changeset.commit_sha:
            await asyncio.to_thread(origin.writer().drop, changeset.commit_sha)
        raise error

    # -- what is stored --------------------------------------------------------------------------

    async def _saved(self, changeset: Changeset, **values: object) -> Changeset:
        made = replace(changeset, updated_at=self._parts.clock.now(), **values)  # type: ignore[arg-type]
        return await self._store.save(made)

    async def _note(self, changeset: Changeset, action: str, actor: str) -> None:
        detail = {
            "commit": changeset.commit_sha,
            "branch": changeset.branch,
            "pull": changeset.pull_number,
            "kind": changeset.kind,
        }
        entry = AuditEntry(
            tenant=changeset.tenant,
            at=self._parts.clock.now(),
            actor=actor,
            action=action,
            target=f"changeset/{changeset.id}",
            reason=changeset.title,
            detail={name: value for name, value in detail.items() if value is not None},
        )
        await self._audit.add(entry)


def new_id() -> str:
    """Return the id of a new changeset."""
    return execution_id()


def _built(origin: Origin, wish: Wish) -> tuple[str | None, str]:
    """Build the commit on the tip as it is known here (blocking)."""
    branch = f"refs/heads/{origin.ref}"
    try:
        tip: str | None = origin.mirror.tip(branch)
    except GitError:
        tip = None
    return tip, wish.build(origin, origin.writer(), tip)


def _reviewers(origin: Origin, changeset: Changeset) -> tuple[str, ...]:
    """Return whom CODEOWNERS of the base names for the files of a changeset (blocking)."""
    base, sha = changeset.base_commit, changeset.commit_sha
    if base is None or sha is None:
        return ()
    changes = changes_between(origin.mirror.disk.launcher, base, sha)
    owners = owners_at(origin.mirror.objects, base, origin.layout.root)
    return owners.of_all([change.path for change in changes], but=changeset.owner)


async def _existing(forge: Forge, changeset: Changeset, base: str) -> PullRequest | None:
    """Return the open pull request of a changeset's branch.

    A fork may have a branch of the same name: what it proposes is not ours.
    """
    for each in await forge.pulls():
        is_here = not each.is_fork and each.base_ref.removeprefix("refs/heads/") == base
        if is_here and each.head_ref == changeset.branch:
            return each
    return None
