"""What is known of pull requests and their reviews."""

from app.db.pull_records import Pull, Review
from app.errors import NotFound
from app.sync.review.bench import Bench


class Archive:
    """Pull requests and reviews, to be read."""

    def __init__(self, bench: Bench) -> None:
        """Read from the store of the bench."""
        self._bench = bench

    async def pulls(self, source_id: str | None = None, state: str | None = None) -> list[Pull]:
        """Return pull requests, newest first; raises `NotFound` when there is no such source."""
        if source_id is not None:
            self._bench.workers.get(source_id)
        return await self._bench.store.find(source_id, state=state)

    async def pull(self, source_id: str, number: int) -> Pull:
        """Return a pull request; raises `NotFound`."""
        self._bench.workers.get(source_id)
        found = await self._bench.store.get(source_id, number)
        if found is None:
            message = f"source {source_id} has heard of no pull request {number}"
            raise NotFound(message)
        return found

    async def reviews(self, source_id: str, number: int, limit: int = 20) -> list[Review]:
        """Return the reviews of a pull request, newest first; raises `NotFound`."""
        await self.pull(source_id, number)
        return await self._bench.store.reviews(source_id, number, limit=limit)

    async def last(self, source_id: str, number: int) -> Review:
        """Return the newest review that came to an end; raises `NotFound`."""
        await self.pull(source_id, number)
        done = await self._bench.store.reviews(source_id, number, states=("done",), limit=1)
        if not done:
            message = f"pull request {number} of source {source_id} was not reviewed yet"
            raise NotFound(message)
        return done[0]
