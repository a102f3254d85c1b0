"""From drafts to a commit: changesets are put together, held against the branch, submitted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.db.audit import AuditEntry
from app.db.changesets import Changeset
from app.db.drafts import StoredDraft
from app.errors import Conflict, Invalid, NotFound, PreconditionFailed, PushRefused
from app.executions import execution_id
from app.git.trees import blob_of
from app.sync.changesets.bases import overlap, standing
from app.sync.changesets.composing import composed
from app.sync.changesets.drafting import Drafts, change_of
from app.sync.changesets.model import Change, Mode, Wish
from app.sync.model import Actor
from app.sync.publishing import Edits, wish_of
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

MOST_EDITS = 500
"""Edits that one changeset may have."""


class Submissions:
    """Makes changesets of drafts and edits, and commits of changesets."""

    def __init__(self, sources: SourceSet, drafts: Drafts) -> None:
        """Work on `sources`."""
        self._sources = sources
        self._shared = sources.shared
        self._drafts = drafts

    async def create(
        self,
        tenant: str,
        title: str,
        actor: Actor,
        *,
        description: str = "",
        draft_ids: Sequence[str] = (),
        edits: Sequence[Change] = (),
    ) -> Changeset:
        """Put drafts and further edits together as a changeset that is not in Git yet.

        Raises:
            NotFound: for a draft that is not there, or somebody else's.
            Conflict: for a draft of another changeset. Invalid: for nothing, or several sources.
        """
        if not 0 < len(draft_ids) + len(edits) <= MOST_EDITS:
            message = f"a changeset has 1 to {MOST_EDITS} drafts and edits"
            raise Invalid(message)
        chosen = [(await self._drafts.get(tenant, each, actor)).draft for each in draft_ids]
        chosen += [(await self._drafts.save(tenant, each, actor)).draft for each in edits]
        for each in chosen:
            if each.changeset_id is not None:
                message = f"draft {each.id} is part of changeset {each.changeset_id}"
                raise Conflict(message)
        source_ids = sorted({each.source_id for each in chosen})
        if len(source_ids) > 1:
            message = f"one commit is made in one source; these are of {', '.join(source_ids)}"
            raise Invalid(message)
        return await self._stored(tenant, title, actor, description, chosen)

    async def _stored(
        self,
        tenant: str,
        title: str,
        actor: Actor,
        description: str,
        drafts: Sequence[StoredDraft],
    ) -> Changeset:
        now = self._shared.clock.now()
        changeset = Changeset(
            id=execution_id(),
            source_id=drafts[0].source_id,
            tenant=tenant,
            title=" ".join(title.split()) or "Change flows",
            owner=actor.name,
            description=description,
            owner_email=actor.email,
            owner_id=actor.owns_as,
            created_at=now,
            updated_at=now,
        )
        await self._shared.sources.changesets.save(changeset)
        await self._drafts.store.save([replace(d, changeset_id=changeset.id) for d in drafts])
        return changeset

    async def submit(
        self, tenant: str, changeset_id: str, actor: Actor, *, mode: Mode | None = None
    ) -> Changeset:
        """Make the one commit of a changeset, and bring it as far as it goes.

        `mode`: `pr` asks for a pull request where the source would take a push, too. A protected
        branch gets one in any case.

        Raises:
            NotFound: no such changeset. Conflict: it is submitted already, or changes nothing.
            PreconditionFailed: with `stale`, when somebody else changed a file in the meantime.
            Invalid: with `problems`, when a flow of it is not valid.
        """
        async with self._drafts.turn(changeset_id):
            store = self._shared.sources.changesets
            changeset = await store.get(changeset_id)
            if changeset.tenant != tenant:
                message = f"there is no changeset {changeset_id}"
                raise NotFound(message)
            worker = self._sources.get(changeset.source_id)
            if changeset.commit_sha is not None:  # it may have been pushed before a crash
                changeset = await worker.progress.look(changeset)
            if changeset.state != "DRAFT":
                message = f"changeset {changeset_id} is {changeset.state}: it was submitted already"
                raise Conflict(message)
            worker.publisher.refuse_read_only()
            drafts = await self._drafts.store.in_changeset(changeset_id)
            await self._refuse_stale(worker, drafts)
            edits = await self._edits(worker, changeset, drafts, actor)
            made = await self._made(worker, changeset, edits, mode)
        await self._shared.audit.add(
            AuditEntry(
                tenant=tenant,
                at=self._shared.clock.now(),
                actor=actor.name,
                action="changeset.submit",
                target=f"changeset/{made.id}",
                reason=made.title,
                detail={"commit": made.commit_sha, "files": sorted(edits.changes)},
            )
        )
        return made

    # -- private ---------------------------------------------------------------------------------

    async def _refuse_stale(self, worker: SourceWorker, drafts: Sequence[StoredDraft]) -> None:
        stale: list[dict[str, Any]] = []
        for draft in drafts:
            change = change_of(draft)
            now = await standing(worker, draft.tenant, change)
            if now.blob != draft.base_blob:
                told = await overlap(worker, now, draft.base_blob, change.data)
                stale.append({"draft": draft.id, **told})
        if stale:
            paths = ", ".join(each["path"] for each in stale[:5])
            message = f"{paths} changed since you began; save each with its merge, and submit again"
            raise PreconditionFailed(message, stale=stale)

    async def _edits(
        self,
        worker: SourceWorker,
        changeset: Changeset,
        drafts: Sequence[StoredDraft],
        actor: Actor,
    ) -> Edits:
        """Return the edits; they are refused on a tip where one of the files is another one."""
        changes = [change_of(each) for each in drafts]
        message = f"{changeset.title}\n\n{changeset.description}".strip()
        author = actor._replace(email=actor.email or changeset.owner_email)
        edits = await composed(worker, changeset.tenant, changes, message, author)
        bases = {
            (await standing(worker, each.tenant, change_of(each))).path: each.base_blob
            for each in drafts
        }

        def check(tip: str) -> None:
            edits.check(tip)
            objects = worker.parts.repository.mirror.objects
            for path, base in bases.items():
                if (blob_of(objects, tip, path) or "") != base:
                    raise PreconditionFailed(f"{path} was changed in the meantime; read it again")

        return replace(edits, check=check)

    async def _made(
        self, worker: SourceWorker, changeset: Changeset, edits: Edits, mode: Mode | None
    ) -> Changeset:
        wish = wish_of(
            edits, worker.parts, changeset_id=changeset.id, description=changeset.description
        )
        if worker.publisher.mode == "push" and mode != "pr":
            await worker.publisher.refuse_blocked(edits)
            try:
                return await self._pushed(worker, changeset, wish)
            except PushRefused:
                pass  # the branch is protected: somebody has to agree
        made = await worker.proposer.propose(replace(wish, is_stored=True))
        if made is None:
            raise Conflict("the changeset changes nothing: the branch says that already")
        return made

    async def _pushed(self, worker: SourceWorker, changeset: Changeset, wish: Wish) -> Changeset:
        begun = replace(changeset, base_commit=worker.source.last_applied)
        made = await worker.pusher.push(begun, wish.build)
        if made is None:
            raise Conflict("the changeset changes nothing: the branch says that already")
        return made
