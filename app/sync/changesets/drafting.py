"""Drafts: edits that are saved while they are made, each on the bytes that it began from."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from app.db.drafts import DraftStore, StoredDraft
from app.errors import Conflict, NotFound, Unavailable
from app.executions import execution_id
from app.flows.problems import Problem
from app.sync.changesets.bases import overlap, refuse_stale, standing
from app.sync.changesets.composing import checked_change, problems_of_change
from app.sync.changesets.model import Change
from app.sync.model import Actor
from app.sync.sources import SourceSet
from app.sync.validation import parse
from app.sync.worker import SourceWorker


class Saved(NamedTuple):
    """A draft as it is stored now, and what is wrong with its text."""

    draft: StoredDraft
    problems: Sequence[Problem] = ()
    current: str = ""
    """The blob that is on the branch now; another one than the base: the draft is behind."""


class Drafts:
    """Drafts of every source."""

    def __init__(self, sources: SourceSet) -> None:
        """Keep drafts of what `sources` hold."""
        self._sources = sources
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    def turn(self, changeset_id: str | None) -> asyncio.Lock:
        """Return what is held while a changeset is submitted or given up, or its drafts are saved.

        What is saved while the commit is made would be in none, and go with its changeset.
        """
        return self._turns.setdefault(changeset_id or "", asyncio.Lock())

    @property
    def store(self) -> DraftStore:
        """Where they are kept."""
        return self._sources.shared.sources.drafts

    async def save(
        self,
        tenant: str,
        change: Change,
        actor: Actor,
        *,
        base_blob: str | None = None,
        known: StoredDraft | None = None,
    ) -> Saved:
        """Save an edit: a new draft, or the one that the person has of the same thing.

        `base_blob`: the blob that the edit began from ("" for a file that is new); without it a
        new draft begins from what is there now, and one that is there keeps its base. `known`: the
        draft that is saved again; it may be in a changeset.

        Raises:
            PreconditionFailed: when somebody else changed it since `base_blob`, with the merge of
                both. Invalid: for what cannot be written. Conflict: for a read-only source.
        """
        worker = await self._sources.owner(tenant, change.namespace)
        worker.publisher.refuse_read_only()
        await checked_change(worker, tenant, change)
        now = await standing(worker, tenant, change)
        if base_blob is not None:
            await refuse_stale(worker, now, base_blob, change.data)
        at = self._sources.shared.clock.now()
        text = None if change.data is None else change.data.decode()
        draft = StoredDraft(
            id=execution_id(),
            tenant=tenant,
            namespace=change.namespace,
            kind=change.kind,
            name=change.name,
            source_id=worker.id,
            base_commit=now.commit,
            base_blob=now.blob,
            content=text,
            owner=actor.owns_as,
            created_at=at,
            updated_at=at,
        )
        before = known or await self.store.about(draft)
        async with self.turn(before.changeset_id) if before else nullcontext():
            await self._refuse_submitted(before)
            if before is not None:
                draft = _over(before, draft, keeps_base=base_blob is None)
            await self.store.save([draft])
        return Saved(draft, await self._problems(worker, draft), now.blob)

    async def get(self, tenant: str, draft_id: str, actor: Actor) -> Saved:
        """Return a draft of a person; raises `NotFound`."""
        draft = await self._mine(tenant, draft_id, actor)
        worker = self._sources.get(draft.source_id)
        now = await standing(worker, tenant, change_of(draft))
        return Saved(draft, await self._problems(worker, draft), now.blob)

    async def overlap(self, tenant: str, change: Change, base_blob: str) -> dict[str, Any]:
        """Return what an edit and the branch make of the same base (see `bases.overlap`)."""
        worker = await self._sources.owner(tenant, change.namespace)
        now = await standing(worker, tenant, change)
        return await overlap(worker, now, base_blob, change.data)

    async def of(self, tenant: str, actor: Actor) -> list[StoredDraft]:
        """Return a person's drafts that are in no changeset, newest first."""
        return await self.store.of(tenant, actor.owns_as)

    async def discard(self, tenant: str, draft_id: str, actor: Actor) -> None:
        """Delete a draft; raises `NotFound`, and `Conflict` when a changeset has it."""
        draft = await self._mine(tenant, draft_id, actor)
        if draft.changeset_id is not None:
            message = f"draft {draft_id} is part of changeset {draft.changeset_id}; abandon that"
            raise Conflict(message)
        await self.store.remove(draft_id)

    async def _mine(self, tenant: str, draft_id: str, actor: Actor) -> StoredDraft:
        draft = await self.store.get(draft_id)
        if (draft.tenant, draft.owner) != (tenant, actor.owns_as):
            message = f"there is no draft {draft_id}"
            raise NotFound(message)
        return draft

    async def _refuse_submitted(self, draft: StoredDraft | None) -> None:
        if draft is None or draft.changeset_id is None:
            return
        changeset = await self._sources.shared.sources.changesets.get(draft.changeset_id)
        if changeset.state != "DRAFT":
            message = f"draft {draft.id} is in changeset {changeset.id}, which is submitted"
            raise Conflict(message)

    async def _problems(self, worker: SourceWorker, draft: StoredDraft) -> Sequence[Problem]:
        """Return what is wrong with a draft: it may be saved all the same."""
        if draft.content is None:
            return ()
        if draft.kind == "flow":
            place = draft.tenant, draft.namespace
            find = worker.parts.tenants.defaults_in
            defaults = await find(draft.tenant, [draft.content], draft.namespace)
            types = worker.parts.types
            read = partial(parse, draft.content, types, *place, defaults=defaults)
            try:
                return (await asyncio.to_thread(read)).problems
            except Unavailable as error:
                return (Problem("UNAVAILABLE", "warning", "", 0, 0, error.message),)
        return problems_of_change(change_of(draft))


def change_of(draft: StoredDraft) -> Change:
    """Return what a draft is to change."""
    data = None if draft.content is None else draft.content.encode()
    return Change(draft.namespace, draft.kind, draft.name, data)


def _over(before: StoredDraft, draft: StoredDraft, *, keeps_base: bool) -> StoredDraft:
    """Return an earlier draft with what is saved now."""
    kept = before if keeps_base else draft
    return replace(
        draft,
        id=before.id,
        changeset_id=before.changeset_id,
        base_commit=kept.base_commit,
        base_blob=kept.base_blob,
        created_at=before.created_at,
    )
