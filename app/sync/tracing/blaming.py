"""Blame: which commit each part of a flow is from, told from stored revisions alone."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import NamedTuple

from app.db.commits import CommitStore
from app.db.flows import FlowStore
from app.errors import Conflict, NotFound
from app.flows.blame import Attribution, Part
from app.flows.yaml import YamlError
from app.ports import FlowRevision

_BATCH = 100
"""Revisions that are read at once."""
_MOST = 5_000
"""Revisions that are looked back on."""
_DELETED = "delete"


class Origin(NamedTuple):
    """A revision as it is told of: who made it, by which commit and pull request."""

    revision: FlowRevision
    pull: int | None = None


class Blamed(NamedTuple):
    """A part of a flow, where it stands, and where it is from."""

    part: Part
    pointer: str
    line: int
    origin: Origin


class Blames:
    """Answers who wrote what."""

    def __init__(self, flows: FlowStore, commits: CommitStore) -> None:
        """Read revisions of `flows`."""
        self._flows = flows
        self._commits = commits

    async def of(self, revision: FlowRevision) -> list[Blamed]:
        """Return every part of a revision of a flow, in the order of its document.

        Raises:
            NotFound: when its source is not kept (any more).
            Conflict: when it cannot be read.
        """
        source = await self._flows.source(revision)
        try:
            asked = await asyncio.to_thread(Attribution, source, 0)
        except YamlError as error:
            message = f"revision {revision.revision} of {revision.flow_id} cannot be read: {error}"
            raise Conflict(message) from None
        seen: list[FlowRevision] = []
        life = await self._life(revision)
        while life and len(seen) < _MOST:
            for start in range(0, len(life), _BATCH):
                if asked.is_complete:
                    break
                batch = life[start : start + _BATCH]
                await self._look_back(asked, batch, len(seen))
                seen += batch
            life = [] if asked.is_complete else await self._life_before(life)
        return await self._told(asked, seen)

    async def _life(self, last: FlowRevision) -> list[FlowRevision]:
        """Return a revision and those before it, newest first, back to the birth of the flow."""
        every = await self._flows.revisions(last.tenant, last.namespace, last.flow_id)
        earlier = (each for each in reversed(every) if each.revision <= last.revision)
        return list(takewhile(lambda each: each.kind != _DELETED, earlier))

    async def _life_before(self, life: Sequence[FlowRevision]) -> list[FlowRevision]:
        """Return what a flow was under the name that it had before, newest first."""
        birth = life[-1]
        told = next((each.renamed_from for each in life if each.renamed_from), "")
        for namespace, flow_id in _names(told or ""):
            every = await self._flows.revisions(birth.tenant, namespace, flow_id)
            ends = [x for x in every if x.commit == birth.commit and x.kind == _DELETED]
            before = [x for x in every if ends and x.revision < ends[0].revision]
            if before:
                return await self._life(before[-1])
        return []

    async def _look_back(
        self, asked: Attribution, older: Sequence[FlowRevision], start: int
    ) -> None:
        """Ask about revisions, which are known by their places from `start` on."""
        sources = await self._sources(older)

        def look() -> None:
            for place, each in enumerate(older, start):
                if (source := sources.get(each.blob)) is not None:
                    asked.older(source, place)

        await asyncio.to_thread(look)

    async def _sources(self, revisions: Sequence[FlowRevision]) -> dict[str, str]:
        """Return the sources by object id; those that are redacted are left out."""
        try:
            return await self._flows.sources(revisions)
        except NotFound:
            found: dict[str, str] = {}
            for each in revisions:
                with suppress(NotFound):
                    found[each.blob] = await self._flows.source(each)
            return found

    async def _told(self, asked: Attribution, seen: Sequence[FlowRevision]) -> list[Blamed]:
        places = list(dict.fromkeys(asked.origins.values()))
        origins = dict(
            zip(places, await self.origins([seen[place] for place in places]), strict=True)
        )
        return [
            Blamed(part, spot.pointer, asked.line(part), origins[asked.origins[part]])
            for part, spot in asked.parts.items()
        ]

    async def origins(self, revisions: Sequence[FlowRevision]) -> list[Origin]:
        """Return revisions with the pull requests that brought them."""
        pulls: dict[tuple[str, str], int] = {}
        for source_id in {each.source_id for each in revisions}:
            subjects = {x.commit: x.subject for x in revisions if x.source_id == source_id}
            found = await self._commits.pulls(source_id, subjects)
            pulls |= {(source_id, commit): number for commit, number in found.items()}
        return [Origin(each, pulls.get((each.source_id, each.commit))) for each in revisions]


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Yield the flows that `namespace.id` may mean: both may hold dots."""
    parts = text.split(".")
    for at in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:at]), ".".join(parts[at:])
