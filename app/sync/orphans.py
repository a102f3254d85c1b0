"""Sources that nobody describes any more: their flows run on, and they stay listed until then.

A source that is taken out of the configuration may be a slip, or may get another name: so nothing
of it is deleted. Another source may take its namespaces over, or somebody removes it.
"""

from app.db.records import Source
from app.sync.conditions import Failure, Next, after_failure
from app.sync.sources import SourceSet
from app.sync.transitions import Transitions


class Orphans:
    """The sources that are stored, have active flows, and are not followed."""

    def __init__(self, sources: SourceSet) -> None:
        """Whatever `sources` does not follow is one."""
        self._sources = sources
        self._store = sources.shared.sources

    async def all(self) -> list[Source]:
        """Return them in order of id."""
        there = [each for each in await self._store.all() if each.id not in self._sources]
        if not there:
            return []
        holding = {each.source_id for each in self._sources.shared.flows.active()}
        return [each for each in there if each.id in holding]

    async def known(self, source_id: str) -> Source:
        """Return a source that is followed, or an orphan; raises `NotFound`."""
        orphan = await self.find(source_id)
        return orphan or await self._store.get(self._sources.get(source_id).id)

    async def find(self, source_id: str) -> Source | None:
        """Return an orphan by its id, None when it is none."""
        if source_id in self._sources:
            return None
        return next((each for each in await self.all() if each.id == source_id), None)

    async def tell(self) -> None:
        """Say of each one, in its conditions, why it does not move, and what can be done."""
        at = self._sources.shared.clock.now()
        for each in await self.all():
            failure = Failure("Orphaned", _message(each), Next.STALLED)
            conditions = after_failure(each.conditions, failure, at)
            await self._store.save_status(
                each.id, conditions, seen=each.last_seen, at=each.last_sync_at or at
            )
            Transitions(each.id).tell(each.conditions, conditions)


def _message(source: Source) -> str:
    where = (
        "the configuration names it no more"
        if source.origin == "config"
        else "its settings cannot be read"
    )
    return (
        f"{where}: its flows go on as they are. Describe it again, let another source have its"
        f" namespaces, or delete them by `headwater git remove {source.id} --yes`"
    )
