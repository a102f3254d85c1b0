"""What the log says of a source: that it is not ready and why, and that it is ready again."""

from collections.abc import Sequence

from app.db.records import Condition
from app.telemetry import get_logger

_LOG = get_logger(__name__)


class Transitions:
    """Tells once for each reason that a source is not ready, and once that it is again.

    What an earlier process told is told again by the next one: its log may be another.
    """

    def __init__(self, source_id: str) -> None:
        """Nothing of the source was told yet."""
        self._source_id = source_id
        self._told = ""

    def tell(self, before: Sequence[Condition], after: Sequence[Condition]) -> None:
        """Log what a run has changed between the conditions `before` and those `after` it."""
        reason, message = _trouble(after)
        was_ill = bool(self._told or _trouble(before)[0])
        if reason and reason != self._told:
            _LOG.warning("source not ready", source=self._source_id, reason=reason, message=message)
        elif not reason and was_ill:
            _LOG.info("source ready again", source=self._source_id)
        self._told = reason


def _trouble(conditions: Sequence[Condition]) -> tuple[str, str]:
    """Return why a source is not ready, and what is said of it; "" and "" when it is."""
    known = {each.type: each for each in conditions}
    ready, held = known.get("Ready"), known.get("Held")
    if ready is None or ready.status:
        return "", ""
    if ready.reason == "Held" and held is not None:
        return held.reason, held.message
    return ready.reason, ready.message
