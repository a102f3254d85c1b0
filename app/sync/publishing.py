"""Edits on their way: one commit, made on the followed branch, and active when it is told of."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from app.db.records import SyncRun
from app.errors import Conflict, Unavailable
from app.git.draft import Draft, Person
from app.git.survey import shown
from app.sync.model import Actor
from app.sync.origin import Origin
from app.sync.passes import Parts


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


class Publisher:
    """Makes commits of edits and waits until they were seen through."""

    def __init__(self, parts: Parts, sync: Callable[[str], Awaitable[SyncRun]]) -> None:
        """`sync` makes a run that begins after now and returns it."""
        self._parts = parts
        self._sync = sync
        self._turn = asyncio.Lock()

    async def opened(self) -> Origin:
        """Return the repository, once the first run has opened it; raises `Unavailable`."""
        if self._parts.origin is None:
            await self._sync("write")
        return self._parts.repository

    def refuse_read_only(self) -> None:
        """Refuse edits of a source that is changed in Git only."""
        if self._parts.spec.edits == "readonly":
            where = self._parts.spec.repo or "the repository"
            message = f"flows come from {where} and are changed there only (edit mode readonly)"
            raise ReadOnlySource(message)

    async def publish(self, edits: Edits) -> str:
        """Publish the edits as one commit, see it through, and return it.

        When the edits change nothing the tip is returned.

        Raises:
            Conflict: when other files keep a namespace back, or the repository takes no write.
            Unavailable: when the commit was made, but the sync after it failed.
        """
        origin = await self.opened()
        await self._refuse_blocked(edits)
        author = Person(edits.actor.name, edits.actor.email)

        def make(tip: str | None) -> Draft:
            if tip is not None:
                edits.check(tip)
            return Draft(edits.changes, edits.message, author, modes=edits.modes)

        async with self._turn:  # or writers of this node would only move each other's branch
            commit = await asyncio.to_thread(origin.write, make)
        self._parts.approved.append(commit)
        run = await self._sync("write")
        if run.outcome == "FAILED":
            raise Unavailable(f"commit {commit[:12]} was made, but not synced: {run.reason}")
        return commit

    async def _refuse_blocked(self, edits: Edits) -> None:
        """Refuse an edit that could not become active: other files keep its namespace back."""
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
