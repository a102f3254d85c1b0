"""Blame: which commit each part of a flow is from, told from stored revisions alone."""

import asyncio
from collections.abc import Sequence
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
            asked = await asyncio.to_thread(Attribution, source, revision.revision)
        except YamlError as error:
            message = f"revision {revision.revision} of {revision.flow_id} cannot be read: {error}"
            raise Conflict(message) from None
        key = (revision.tenant, revision.namespace, revision.flow_id)
        every = await self._flows.revisions(*key)
        older = [each for each in reversed(every) if each.revision < revision.revision][:_MOST]
        for start in range(0, len(older), _BATCH):
            if asked.is_complete:
                break
            await self._look_back(asked, older[start : start + _BATCH])
        by_number = {each.revision: each for each in [*older, revision]}
        return await self._told(asked, by_number)

    async def _look_back(self, asked: Attribution, older: Sequence[FlowRevision]) -> None:
        sources = await self._sources(older)

        def look() -> None:
            for each in older:
                if each.kind == _DELETED:
                    asked.older(None, each.revision)
                elif (source := sources.get(each.blob)) is not None:
                    asked.older(source, each.revision)

        await asyncio.to_thread(look)

    async def _sources(self, revisions: Sequence[FlowRevision]) -> dict[str, str]:
        """Return the sources by object id; those that are redacted are left out."""
        wanted = [each for each in revisions if each.kind != _DELETED]
        try:
            return await self._flows.sources(wanted)
        except NotFound:
            found: dict[str, str] = {}
            for each in wanted:
                try:
                    found[each.blob] = await self._flows.source(each)
                except NotFound:
                    continue
            return found

    async def _told(self, asked: Attribution, revisions: dict[int, FlowRevision]) -> list[Blamed]:
        used = [revisions[number] for number in dict.fromkeys(asked.origins.values())]
        pulls = await self.origins(used)
        return [
            Blamed(part, spot.pointer, asked.line(part), pulls[asked.origins[part]])
            for part, spot in asked.parts.items()
        ]

    async def origins(self, revisions: Sequence[FlowRevision]) -> dict[int, Origin]:
        """Return revisions of a flow by number, with the pull requests that brought them."""
        found: dict[int, Origin] = {}
        by_source: dict[str, list[FlowRevision]] = {}
        for each in revisions:
            by_source.setdefault(each.source_id, []).append(each)
        for source_id, some in by_source.items():
            pulls = await self._commits.pulls(
                source_id, {each.commit: each.subject for each in some}
            )
            found |= {each.revision: Origin(each, pulls.get(each.commit)) for each in some}
        return found
