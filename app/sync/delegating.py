"""After an activation: the sources that a repository describes are followed, or not any more."""

import asyncio

from app.sync.delegation import Declared, declared
from app.sync.model import Actor
from app.sync.reporting import Report
from app.sync.rewriting import passed
from app.sync.source_verbs import SourceVerbs
from app.sync.sources import SourceSet
from app.sync.specs import public_spec
from app.sync.worker import SourceWorker, described

_MOVED = ("SYNCED", "PARTIAL")


class Delegating:
    """Makes the delegated sources of each parent what its repository says."""

    def __init__(self, sources: SourceSet, verbs: SourceVerbs) -> None:
        """Act on `sources` by `verbs`."""
        self._sources = sources
        self._verbs = verbs

    async def heard(self, report: Report) -> None:
        """Listen to what runs report."""
        parent_id, tip = report.source.id, report.run.new_commit
        if not _counts(report) or tip is None or parent_id not in self._sources:
            return
        parent = self._sources.get(parent_id)
        if parent.spec.delegates:
            await self._look(parent, tip)

    async def catch_up(self) -> None:
        """Follow what became active before an earlier process ended, and was not heard of then."""
        for parent in list(self._sources):
            tip = _counted(parent)
            if parent.spec.delegates and tip and parent.parts.origin is not None:
                await self._look(parent, tip)

    async def _look(self, parent: SourceWorker, tip: str) -> None:
        found = await asyncio.to_thread(
            declared,
            parent.parts.repository,
            tip,
            parent.id,
            parent.spec,
            self._sources.configured,
        )
        await self._follow(parent, found, tip)

    async def tidy(self) -> None:
        """Remove the sources of parents that delegate no more."""
        for child in self._sources:
            parent_id = child.source.parent
            if parent_id is None:
                continue
            parent = self._sources.get(parent_id) if parent_id in self._sources else None
            if parent is None and await self._is_orphan(parent_id):
                continue  # what it delegated goes on as its own flows do
            if parent is None or not parent.spec.delegates:
                await self._verbs.forget(child, _actor(parent_id), "it is not delegated any more")

    async def _is_orphan(self, source_id: str) -> bool:
        """Return whether a source is not followed, though nobody removed it."""
        return await self._sources.shared.sources.spec(source_id) is not None

    async def _follow(self, parent: SourceWorker, found: list[Declared], tip: str) -> None:
        wanted = {each.id: each for each in found}
        why = f"commit {tip}"
        for child in self._sources:
            # A file that is wrong takes nothing away: what it described before goes on.
            if child.source.parent == parent.id and child.id not in wanted:
                await self._verbs.forget(child, _actor(parent.id), why)
        for each in found:
            if each.spec is None or self._is_followed(each, parent.id):
                continue
            source = described(each.id, each.spec, "repository", parent.id)
            await self._verbs.declare(source, each.spec, _actor(parent.id), why)

    def _is_followed(self, wanted: Declared, parent_id: str) -> bool:
        if wanted.id not in self._sources:
            return False
        known = self._sources.get(wanted.id).source
        if known.parent != parent_id:
            return True  # somebody else has this id: it stays theirs
        return wanted.spec is not None and known.spec == public_spec(wanted.spec)


def _counts(report: Report) -> bool:
    """Return whether what a commit says of sources counts: it did not fail, nor is it held."""
    # Where namespaces move by themselves, those that stay hold up nothing else.
    is_apart = report.source.atomic != "commit" and report.run.outcome == "REJECTED"
    return report.run.outcome in _MOVED or is_apart


def _counted(parent: SourceWorker) -> str | None:
    """Return the newest commit whose word on sources counts (see `_counts`)."""
    source = parent.source
    if source.atomic == "commit":
        return source.last_applied
    return passed(source.last_passed, parent.spec.ref, source.last_applied)


def _actor(parent_id: str) -> Actor:
    return Actor(f"source {parent_id}")
