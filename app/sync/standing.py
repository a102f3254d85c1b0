"""How flows stand: `sync` beside Git, `health` by their executions; rolled up to what holds them.

Words as Argo CD's. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from app.db.health import FAILED, Tally

Sync = Literal["Synced", "Pending", "Invalid", "Held", "Pinned", "Deleted"]
Health = Literal["Healthy", "Degraded", "Progressing", "Suspended", "Unknown"]

ACCEPTED_FAILURES: Final = 0.3
"""Share of failed executions above which a flow is degraded, though the last one went well."""

_WORST_SYNC: Final[Sequence[Sync]] = ("Invalid", "Held", "Pending", "Pinned", "Synced", "Deleted")
_WORST_HEALTH: Final[Sequence[Health]] = ("Degraded", "Progressing", "Healthy", "Suspended")
_ENDED: Final = frozenset({"SUCCESS", "WARNING", "FAILED"})
_OVER: Final = _ENDED | {"KILLED", "CANCELLED", "SKIPPED", "RETRIED"}


@dataclass(frozen=True, slots=True)
class FlowStanding:
    """How one flow stands."""

    tenant: str
    namespace: str
    flow_id: str
    sync: Sync
    health: Health
    revision: int | None = None
    """What runs; None: nothing ever did."""
    newest: int | None = None
    """The newest revision that Git has."""
    behind: int = 0
    """Commits that changed the flow since what a pin holds it at."""
    executions: Mapping[str, int] = field(default_factory=dict)
    """State -> executions of the revision that runs, of the last day."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """How several flows stand together."""

    sync: Sync
    health: Health
    flows: int
    by_sync: Mapping[str, int] = field(default_factory=dict)
    by_health: Mapping[str, int] = field(default_factory=dict)


def health_of(tallies: Iterable[Tally], *, disabled: bool) -> Health:
    """Return how the executions of one revision went.

    What people ended, and what waits, speaks neither for nor against it.
    """
    if disabled:
        return "Suspended"
    known = list(tallies)
    ended = [each for each in known if each.state in _ENDED]
    if not ended:
        moving = any(each.state not in _OVER for each in known)
        return "Progressing" if moving else "Unknown"
    last = max(ended, key=lambda each: each.last)
    return "Degraded" if last.state in FAILED or rate(ended)[0] > ACCEPTED_FAILURES else "Healthy"


def rate(tallies: Iterable[Tally]) -> tuple[float, int]:
    """Return the share of executions that failed, and how many have ended."""
    ended = [each for each in tallies if each.state in _ENDED]
    count = sum(each.count for each in ended)
    failed = sum(each.count for each in ended if each.state in FAILED)
    return (failed / count if count else 0.0), count


def rolled_up(standings: Iterable[FlowStanding], states: Iterable[str] = ()) -> Rollup:
    """Return how flows stand together: as the worst of them.

    `states` are those of their namespaces: one that is `invalid` or `held` counts, too, though
    what runs in it is as it was.
    """
    flows = [each for each in standings if each.sync != "Deleted"]
    by_sync: Counter[str] = Counter(each.sync for each in flows)
    by_health: Counter[str] = Counter(each.health for each in flows)
    there = {*by_sync, *(_PLACES[each] for each in states if each in _PLACES)}
    sync: Sync = next((each for each in _WORST_SYNC if each in there), "Synced")
    health: Health = next((each for each in _WORST_HEALTH if by_health[each]), "Unknown")
    if health == "Suspended" and by_health["Unknown"]:
        health = "Unknown"
    return Rollup(sync, health, len(flows), dict(by_sync), dict(by_health))


_PLACES: Final[Mapping[str, Sync]] = {"invalid": "Invalid", "held": "Held"}
