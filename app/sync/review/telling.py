"""Checks of one review at the forge: told, and remembered so that they change in place."""

from collections.abc import Mapping
from dataclasses import replace

from app.db.pull_records import Review
from app.errors import HeadwaterError
from app.ports import Forge
from app.sync.review.bench import Bench
from app.sync.review.checks import CONTEXTS, PLAN, SUPERSEDED, TESTS, VALIDATE, Told
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_PARTS = {VALIDATE: "", PLAN: "/plan", TESTS: "/tests"}


class Teller:
    """Tells what becomes of one review."""

    def __init__(self, bench: Bench, forge: Forge, review: Review, suffix: str = "") -> None:
        """`suffix` tells the checks of this source from another one's."""
        self._bench = bench
        self._forge = forge
        self._store = bench.store
        self._suffix = suffix
        self.review = review
        self.states: dict[str, str] = {}
        """Context -> the state that was told last."""

    async def remember(self) -> None:
        """Take up the checks that earlier reviews of the same commit made."""
        review = self.review
        before = await self._store.reviews(
            review.source_id, review.number, head=review.head_sha, limit=20
        )
        known: dict[str, str] = {}
        for each in reversed(before):
            known |= each.checks
        self.review = replace(review, checks=known | dict(review.checks))

    async def tell(self, context: str, told: Told) -> None:
        """Tell what is known under a name (without the suffix).

        Raises:
            Unavailable, AuthFailed, Forbidden: by the forge.
        """
        name = context + self._suffix
        known = self.review.checks.get(name) or None
        url = self._bench.address(self.review.source_id, self.review.number, _PARTS[context])
        check = told.about(self.review.head_sha, name, url=url, known=known)
        made = await self._forge.publish(check)
        self.states[context] = told.state
        if self.review.checks.get(name) != made:
            self.review = replace(self.review, checks={**self.review.checks, name: made})
            await self._store.note_checks(self.review)

    async def tell_each(self, told: Mapping[str, Told]) -> None:
        """Tell several."""
        for context, each in told.items():
            await self.tell(context, each)

    @property
    def outcome(self) -> str:
        """What the review amounts to."""
        return "failure" if "failure" in self.states.values() else "success"


async def withdraw(forge: Forge, review: Review) -> None:
    """Tell that a review will not be made any more: its checks are cancelled.

    A forge that does not answer is not waited for: nobody looks at that commit any more.
    """
    for name, known in review.checks.items():
        check = SUPERSEDED.about(review.head_sha, name, known=known or None)
        try:
            await forge.publish(check)
        except HeadwaterError as error:
            _LOG.info("check not cancelled", context=name, error=error.message)


def base_context(name: str) -> str:
    """Return the name of a check without the suffix of its source."""
    return next((each for each in CONTEXTS if name == each or name.startswith(f"{each}/")), name)
