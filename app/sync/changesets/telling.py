"""The plan in the text of a pull request, made by whoever can plan."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.db.changesets import Changeset
from app.errors import HeadwaterError
from app.telemetry import get_logger

_LOG = get_logger(__name__)


@dataclass(slots=True)
class Telling:
    """What reverts tell besides their reason. Other pull requests get their plan as a comment."""

    plan: Callable[[str, str, str], Awaitable[str]] | None = None
    """Source, base and head -> the plan in Markdown; None: nobody plans here."""

    async def of(self, changeset: Changeset) -> str:
        """Return the plan of a revert, "" for none: it is opened also when it cannot be planned."""
        base, head = changeset.base_commit, changeset.commit_sha
        if self.plan is None or changeset.kind != "revert" or base is None or head is None:
            return ""
        try:
            return await self.plan(changeset.source_id, base, head)
        except HeadwaterError as error:
            _LOG.warning("revert not planned", changeset=changeset.id, reason=error.message)
            return ""
