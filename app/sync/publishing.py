"""Edits on their way: one commit on the followed branch that is active when it is told of.

Where a source takes changes by pull request only, the commit is proposed instead.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from app.access.occasion import mention
from app.db.changesets import Changeset
from app.db.records import SyncRun
from app.errors import BadRequest, Conflict, Unavailable
from app.executions import execution_id
from app.git.draft import Draft, Person
from app.git.survey import shown
from app.git.writer import Writer
from app.sync.changesets.landing import land
from app.sync.changesets.model import Build, Proposed, Wish
from app.sync.freezing import refuse_suspended, refuse_unsigned, refuse_waiting
from app.sync.model import Actor
from app.sync.origin import Origin, locate
from app.sync.passes import Parts

EditMode = Literal["push", "pr", "readonly"]


class ReadOnlySource(Conflict):
    """What a source holds is changed in Git only."""

    code = "READ_ONLY_SOURCE"


@dataclass(frozen=True, slots=True)
class Edits:
    """Files to write: repository path -> bytes (None: delete), and the namespaces they are of."""

    changes: Mapping[str, bytes | None]
    places: Collection[tuple[str, str]]
    message: str
    actor: Actor
    check: Callable[[str], None] = lambda _: None
    """Told the tip before the commit is made; raises `Conflict` when it makes no sense any more."""
    modes: Mapping[str, int] = field(default_factory=dict)
    """Path -> Git mode, where it is not to stay as it is."""
    trailers: Sequence[tuple[str, str]] = ()

    def draft(self, *trailers: tuple[str, str]) -> Draft:
        """Return the commit that makes them, with further trailers."""
        author = Person(self.actor.name, self.actor.email)
        every = (*self.trailers, *trailers)
        return Draft(self.changes, self.message, author, trailers=every, modes=self.modes)


class Publisher:
    """Makes commits of edits and waits until they were seen through."""

    def __init__(self, parts: Parts, sync: Callable[[str], Awaitable[SyncRun]]) -> None:
        """`sync` makes a run that begins after now and returns it."""
        self._parts = parts
        self._sync = sync
        self._turn = asyncio.Lock()
        self.proposes: Callable[[Wish], Awaitable[Changeset | None]] | None = None
        """Makes a pull request of a wish; set by who has both."""

    async def sync(self, cause: str) -> SyncRun:
        """Make a run that begins after now and return it."""
        return await self._sync(cause)

    async def opened(self) -> Origin:
        """Return the repository, once the first run has opened it; raises `Unavailable`."""
        if self._parts.origin is None:
            await self._sync("write")
        return self._parts.repository

    @property
    def mode(self) -> EditMode:
        """What an edit is: a commit, a pull request, or refused.

        Only branches take commits. A working folder is its own review: edits go into it.
        """
        spec = self._parts.spec
        if spec.edits == "readonly" or spec.ref_kind[0] not in ("", "branch"):
            return "readonly"
        with suppress(BadRequest):  # a place that is none: every run tells of it
            if locate(spec, self._parts.home).working_folder is not None:
                return "push"
        return spec.edits

    def refuse_read_only(self) -> None:
        """Refuse edits of a source that is changed in Git only."""
        if self.mode == "readonly":
            where = self._parts.spec.repo or "the repository"
            message = f"flows come from {where} and are changed there only (edit mode readonly)"
            raise ReadOnlySource(message)

    def refuse_proposals(self) -> None:
        """Refuse edits that cannot wait for somebody to merge them."""
        self.refuse_read_only()
        if self.mode == "pr":
            where = self._parts.spec.repo or "the repository"
            message = (
                f"{where} takes changes by pull request only (edit mode pr), and this cannot wait"
                " for one; set edit_mode push, or write to a namespace of another source"
            )
            raise ReadOnlySource(message)

    async def publish(self, edits: Edits) -> str:
        """Publish the edits as one commit, see it through, and return it.

        When the edits change nothing the tip is returned.

        Raises:
            Conflict: when something keeps a namespace back (other files, a held commit, a closed
                window), the source is suspended, or the repository takes no write.
            Unavailable: when the commit was made, but the sync after it failed.
            Proposed: when the source takes changes by pull request only: it is open now.
        """
        await refuse_suspended(self._parts)
        origin = await self.opened()
        if self.mode == "pr":
            return await self._proposed(edits)
        refuse_waiting(self._parts, edits.places)
        await self.refuse_blocked(edits)

        base: str | None = None

        def make(tip: str | None) -> Draft:
            nonlocal base
            base = tip
            if tip is not None:
                edits.check(tip)
            return edits.draft()

        async with self._turn:  # or writers of this node would only move each other's branch
            commit = await asyncio.to_thread(origin.write, make)
        _tell(edits, commit)
        run = await self._seen_through(commit, base)
        if run.outcome == "FAILED":
            raise Unavailable(f"commit {commit[:12]} was made, but not synced: {run.reason}")
        if run.outcome == "HELD":
            raise Conflict(f"commit {commit[:12]} was made, but has to wait: {run.reason}")
        return commit

    async def land(self, build: Build) -> str | None:
        """Publish the commit that `build` builds on the tip, see it through, and return it.

        None: nothing would change. Nothing is raised once it is published: who lands something
        follows it by itself. Before that as `publish`, but it is never proposed: `PushRefused`
        where the branch is protected.
        """
        await refuse_suspended(self._parts)
        origin = await self.opened()
        refuse_unsigned(self._parts)
        base: str | None = None

        def noted(origin: Origin, writer: Writer, tip: str | None) -> str:
            nonlocal base
            base = tip
            return build(origin, writer, tip)

        async with self._turn:
            commit = await asyncio.to_thread(land, origin, noted)
        if commit == base:
            return None
        with suppress(Unavailable):
            await self._seen_through(commit, base)
        return commit

    async def _seen_through(self, commit: str, base: str | None) -> SyncRun:
        if commit != base:  # the tip itself somebody else has pushed: the gate is to look at it
            self._parts.approved.append(commit)
        return await self._sync("write")

    async def _proposed(self, edits: Edits) -> str:
        """Propose the edits; return the active commit when they change nothing."""
        if self.proposes is None:
            raise Unavailable("this source cannot propose changes")
        made = await self.proposes(wish_of(edits, self._parts))
        if made is None:
            return self._parts.repository.mirror.tip(f"refs/heads/{self._parts.repository.ref}")
        raise Proposed([made])

    async def refuse_blocked(self, edits: Edits) -> None:
        """Refuse an edit that could not become active: other files keep its namespace back.

        Raises:
            Conflict: naming the file.
        """
        if self._parts.spec.atomic == "flow":
            return
        mended = {shown(path) for path in edits.changes}
        whole = self._parts.spec.atomic == "commit"
        for each in await self._parts.sources.findings(self._parts.indexer.source_id):
            concerned = whole or (each.tenant, each.namespace) in edits.places
            if each.severity == "error" and concerned and each.path not in mended:
                message = (
                    f"namespace {each.namespace} stays at an earlier commit because of {each.path}:"
                    f" {each.message}; mend that file first"
                )
                raise Conflict(message)


def _tell(edits: Edits, commit: str) -> None:
    """Tell the audit log what a request wrote."""
    namespaces = {namespace for _, namespace in edits.places}
    only = next(iter(namespaces)) if len(namespaces) == 1 else None
    mention(*(f"file/{path}" for path in edits.changes), namespace=only, after=commit)


def wish_of(edits: Edits, parts: Parts, *, changeset_id: str = "", description: str = "") -> Wish:
    """Return edits as a wish for a commit on whatever the tip is then."""
    wished = changeset_id or execution_id()
    title, _, rest = edits.message.strip().partition("\n")

    def build(_: Origin, writer: Writer, tip: str | None) -> str:
        if tip is not None:
            edits.check(tip)
        return writer.build(edits.draft(("Changeset", wished)), tip)

    tenants = sorted({tenant for tenant, _ in edits.places})
    return Wish(
        id=wished,
        source_id=parts.indexer.source_id,
        tenant=tenants[0] if tenants else parts.spec.tenant,
        title=title or "Change files",
        actor=edits.actor,
        build=build,
        description=description or rest.strip(),
    )
