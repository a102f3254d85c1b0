"""From a changeset to a commit on the followed branch, without a pull request.

The commit is noted before it is published: a look after a crash finds what became of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from app.db.changesets import Changeset
from app.git.writer import Writer
from app.sync.changesets.following import Progress, landing
from app.sync.changesets.model import Build
from app.sync.changesets.proposing import Proposer
from app.sync.origin import Origin
from app.sync.passes import Parts
from app.sync.publishing import Publisher


class Pusher:
    """Pushes the changesets of one source."""

    def __init__(
        self, parts: Parts, publisher: Publisher, proposer: Proposer, progress: Progress
    ) -> None:
        """`progress` follows what was pushed."""
        self._clock = parts.clock
        self._store = parts.sources.changesets
        self._publisher = publisher
        self._proposer = proposer
        self._progress = progress

    async def push(self, changeset: Changeset, build: Build) -> Changeset | None:
        """Push the commit of a changeset and follow it; None: nothing would change.

        Raises as `Publisher.land`; a remote that did not answer may have taken the commit.
        """

        async def note(sha: str) -> None:
            now = self._clock.now()
            await self._store.save(replace(changeset, commit_sha=sha, updated_at=now))

        self._proposer.pushing.add(changeset.id)
        try:
            commit = await self._publisher.land(_noted(build, note))
            if commit is None:
                return None
            made = await self._landed(changeset.id, commit)
        finally:
            self._proposer.pushing.discard(changeset.id)
        return await self._progress.look(made)

    async def _landed(self, changeset_id: str, commit: str) -> Changeset:
        async with self._proposer.turn:
            made = await self._store.get(changeset_id)
            if made.state != "DRAFT":  # another node may have looked already
                return made
            now = self._clock.now()
            made = replace(made, state="MERGED", commit_sha=commit, updated_at=now)
            return await self._store.save(made, *landing(made, now))


def _noted(build: Build, note: Callable[[str], Coroutine[Any, Any, None]]) -> Build:
    """Return a build whose commit is noted before it is published."""
    loop = asyncio.get_running_loop()

    def noted(origin: Origin, writer: Writer, tip: str | None) -> str:
        sha = build(origin, writer, tip)
        if sha != tip:
            asyncio.run_coroutine_threadsafe(note(sha), loop).result()
        return sha

    return noted
