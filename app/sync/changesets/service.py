"""Changesets of every source: made, submitted, followed to the end, given up."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from app.db.audit import AuditEntry
from app.db.changesets import Changeset, ChangesetStore, Viewer
from app.db.pull_records import Review
from app.errors import Conflict, HeadwaterError, NotFound
from app.sync.changesets.branches import delete_branch
from app.sync.changesets.composing import composed
from app.sync.changesets.drafting import Drafts
from app.sync.changesets.model import Change, Proposed
from app.sync.changesets.submitting import Submissions
from app.sync.model import Actor, HookEvent
from app.sync.reporting import Report
from app.sync.sources import SourceSet
from app.sync.timing import Timing
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_AGAIN_SECONDS = 60.0
_FORGOTTEN = 24 * 3600 * 1_000_000
"""µs after which a commit that nobody waits for is let go of."""
_DELAYED = ("COMMITTED", "PUSHED")
_OF_PULLS = frozenset({"pull", "check", "suite", "review"})


class Changesets:
    """Changesets by id, whatever source they are of."""

    def __init__(self, sources: SourceSet, timing: Timing) -> None:
        """Work on `sources`; what is delayed is tried again by `timing`."""
        self._sources = sources
        self._timing = timing
        self._shared = sources.shared
        self.drafts = Drafts(sources)
        self.submissions = Submissions(sources, self.drafts)

    @property
    def store(self) -> ChangesetStore:
        """Where they are kept."""
        return self._shared.sources.changesets

    async def start(self) -> None:
        """Begin to follow: what a crash interrupted is taken up soon."""
        self.store.heard.append(self._changed)
        self._timing.after(1.0, "changesets at start", self.sweep)
        self._timing.hourly("changesets", self.sweep)

    async def find(
        self,
        tenant: str,
        *,
        source_id: str | None = None,
        states: Sequence[str] = (),
        viewer: Viewer | None = None,
        limit: int = 100,
    ) -> list[Changeset]:
        """Return the newest changesets of a tenant that somebody may see, newest first."""
        return await self.store.find(
            tenant=tenant, source_id=source_id, states=states, viewer=viewer, limit=limit
        )

    async def of_commit(self, tenant: str, sha: str) -> list[Changeset]:
        """Return the changeset that a commit was made for, if it is one of ours."""
        found = await self.store.of_commit(sha)
        return [found] if found is not None and found.tenant == tenant else []

    async def get(self, tenant: str, changeset_id: str) -> Changeset:
        """Return a changeset as it stands now; raises `NotFound`."""
        changeset = await self.store.get(changeset_id)
        if changeset.tenant != tenant:
            message = f"there is no changeset {changeset_id}"
            raise NotFound(message)
        return await self._looked_at(changeset)

    async def write(
        self, tenant: str, changes: Sequence[Change], *, actor: Actor, message: str
    ) -> str:
        """Write changes of namespaces, one commit a source; return the last commit.

        Raises:
            Invalid, NotFound, Gone, TooLarge: for what cannot be written. Conflict: when a source
                is read-only, or the commit does not become active.
            Proposed: where a source takes changes by pull request only.
        """
        commit, waiting = "", list[Changeset]()
        for worker, some in (await self._by_source(tenant, changes)).items():
            worker.publisher.refuse_read_only()
            edits = await composed(worker, tenant, some, message, actor)
            try:
                commit = await worker.publisher.publish(edits)
            except Proposed as proposed:
                waiting += proposed.changesets
                continue
            for namespace in dict.fromkeys(each.namespace for each in some):
                await worker.files.activated(tenant, namespace, commit)
        if waiting:
            raise Proposed(waiting)
        return commit

    async def _by_source(
        self, tenant: str, changes: Sequence[Change]
    ) -> dict[SourceWorker, list[Change]]:
        found: dict[SourceWorker, list[Change]] = {}
        for each in changes:
            worker = await self._sources.owner(tenant, each.namespace)
            found.setdefault(worker, []).append(each)
        return found

    async def abandon(
        self, tenant: str, changeset_id: str, *, actor: Actor, reason: str
    ) -> Changeset:
        """Give a changeset up: its pull request is closed, its branch deleted, its drafts freed.

        Raises:
            NotFound: when there is none. Conflict: when it is merged, or ended already.
        """
        async with self.drafts.turn(changeset_id):
            made = await self._given_up(await self.get(tenant, changeset_id))
        await self._shared.audit.add(
            AuditEntry(
                tenant=tenant,
                at=made.updated_at,
                actor=actor.name,
                action="changeset.abandon",
                target=f"changeset/{made.id}",
                reason=reason,
            )
        )
        return made

    async def _given_up(self, found: Changeset) -> Changeset:
        """Take a changeset back as it stands once nobody moves it on, and free its drafts."""
        worker = self._sources.get(found.source_id)
        async with worker.proposer.turn:
            changeset = await self.store.get(found.id)
            if changeset.state != "DRAFT" and (
                not changeset.is_open or changeset.state == "MERGED"
            ):
                message = f"changeset {changeset.id} is {changeset.state}; it cannot be given up"
                raise Conflict(message)
            await self._withdraw(worker, changeset)
            now = self._shared.clock.now()
            made = replace(changeset, state="ABANDONED", error="", updated_at=now)
            await self.store.save(made)
        await self._shared.sources.drafts.release(made.id)
        return made

    async def _withdraw(self, worker: SourceWorker, changeset: Changeset) -> None:
        """Take a changeset back from the forge and the remote."""
        if changeset.pull_number is not None and worker.parts.forge is not None:
            await worker.parts.forge.close_pull(changeset.pull_number)
        if changeset.branch and changeset.commit_sha and changeset.state != "COMMITTED":
            origin = await worker.publisher.opened()
            with suppress(Conflict):  # somebody pushed more to it: it is theirs now
                await asyncio.to_thread(
                    delete_branch, origin, changeset.branch, changeset.commit_sha
                )

    # -- following -------------------------------------------------------------------------------

    async def reported(self, report: Report) -> None:
        """Hear of a run: what it made active, and what conflicts with it now."""
        await self._look_at(source_id=report.source.id)

    async def hinted(self, event: HookEvent) -> None:
        """Hear what a forge hints at."""
        if event.event not in _OF_PULLS:
            return
        if event.number is not None:
            found = await self.store.of_pull(event.source_id, event.number)
        else:
            every = await self.store.unfinished(event.source_id)
            found = [each for each in every if event.sha in ("", each.commit_sha)]
        for each in found:
            await self._looked_at(each)

    def reviewed(self, review: Review) -> None:
        """Hear of a review that ended: its verdict is that of the changeset."""

        async def look() -> None:
            for each in await self.store.of_pull(review.source_id, review.number):
                await self._looked_at(each)

        if review.number:
            self._timing.after(0.0, f"review {review.source_id} {review.number}", look)

    async def sweep(self) -> None:
        """Look at everything that is on its way: hints get lost."""
        with suppress(asyncio.CancelledError):  # the service ends, which is no failure of the job
            await self._look_at()
            await self._drop_forgotten()

    async def _drop_forgotten(self) -> None:
        """Let go of commits that were built for requests that a crash has ended."""
        waiting = await self.store.find(states=("COMMITTED",), limit=10_000)
        kept = {each.commit_sha or "" for each in waiting}
        before = self._shared.clock.now() - _FORGOTTEN
        for worker in self._sources:
            if worker.parts.origin is None:
                continue
            writer = worker.parts.origin.writer()
            try:
                await asyncio.to_thread(writer.drop_forgotten, kept, before=before)
            except HeadwaterError as error:
                _LOG.warning("commits not let go of", source=worker.id, reason=error.message)

    async def _look_at(self, source_id: str | None = None) -> None:
        for each in await self.store.unfinished(source_id):
            await self._looked_at(each)

    async def _looked_at(self, changeset: Changeset) -> Changeset:
        try:
            worker = self._sources.get(changeset.source_id)
        except NotFound:
            return changeset  # its source was removed
        try:
            return await worker.progress.look(changeset)
        except HeadwaterError as error:
            _LOG.info("changeset not looked at", changeset=changeset.id, reason=error.message)
            return changeset

    def _changed(self, changeset: Changeset) -> None:
        """Try again soon what a forge or remote that did not answer has delayed."""

        async def again() -> None:
            await self._looked_at(await self.store.get(changeset.id))

        if changeset.error and changeset.state in _DELAYED:
            self._timing.after(_AGAIN_SECONDS, f"changeset {changeset.id}", again)
