"""Keeping old commits readable, off the sync's path: private refs with reasons, and upkeep.

What the followed ref has left behind is kept for ever. What other branches, deleted ones and pull
requests have left behind is kept for a time.
"""

import asyncio
from collections.abc import Mapping

from app.db.keeping import Kept
from app.db.records import Source
from app.errors import HeadwaterError, MirrorCorrupt
from app.git.mirror import Mirror
from app.git.refs import KEEP, PULLS, RefUpdate
from app.sync.mending import is_damage
from app.sync.passes import Parts
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_DAY = 86_400 * 1_000_000
_AT_ONCE = 500
PULL_DAYS = 30
"""Days that the head of a pull request is kept after it was fetched last."""
OTHER_DAYS = 90
"""Days that is kept what was forced away from, or deleted, on branches that are not followed."""


async def upkeep(parts: Parts, source: Source) -> bool:
    """Do all of it; return whether our copy is damaged and has to be fetched anew."""
    if parts.origin is None:
        return False
    origin = parts.repository
    try:
        await tidy(parts, source)
        await asyncio.to_thread(origin.maintain)
        await asyncio.to_thread(origin.mirror.verify)
    except HeadwaterError as error:
        if await asyncio.to_thread(is_damage, parts, error):
            parts.damaged = True
            return True
        _LOG.warning("upkeep failed", source=source.id, reason=error.message)
        if isinstance(error, MirrorCorrupt):
            return True  # a run tells of it
    return False


async def tidy(parts: Parts, source: Source) -> list[str]:
    """Note every private ref with its reason, drop those whose time is over, return these."""
    now = parts.clock.now()
    mirror = parts.repository.mirror
    there = await asyncio.to_thread(mirror.kept)
    branches = await asyncio.to_thread(mirror.branches)
    known = {each.ref: each for each in await parts.sources.keeping.kept(source.id)}
    noted = {
        ref: _noted(source.id, ref, commit, known.get(ref), _Rule(parts, branches), now)
        for ref, commit in there.items()
    }
    over = [ref for ref, each in noted.items() if (each.expires_at or now + 1) <= now][:_AT_ONCE]
    await parts.sources.keeping.keep(
        each for ref, each in noted.items() if ref not in over and each != known.get(ref)
    )
    shared = await parts.sources.keeping.wanted_by_others(
        source.id, {ref: there[ref] for ref in over}, now
    )
    await asyncio.to_thread(_drop, mirror, [ref for ref in over if ref not in shared])
    gone = [ref for ref in known if ref not in there]
    await parts.sources.keeping.drop(source.id, [*over, *gone])
    return over


class _Rule:
    """Why a private ref is there, and for how long (days; None: for ever)."""

    def __init__(self, parts: Parts, branches: Mapping[str, str]) -> None:
        self._ref = parts.repository.ref
        self._branches = branches

    def __call__(self, ref: str) -> tuple[str, int | None]:
        if ref.startswith(PULLS):
            return "pull", PULL_DAYS
        branch = ref.removeprefix(KEEP).rpartition("/")[0]
        if branch == self._ref:
            return "forced", None
        return ("forced" if branch in self._branches else "deleted"), OTHER_DAYS


def _noted(
    source_id: str, ref: str, commit: str, known: Kept | None, rule: _Rule, now: int
) -> Kept:
    """Return what is noted of a ref: as it was, unless it holds another commit now."""
    if known is not None and known.commit == commit:
        return known
    reason, days = rule(ref)
    return Kept(source_id, ref, commit, reason, now, None if days is None else now + days * _DAY)


def _drop(mirror: Mirror, refs: list[str]) -> None:
    mirror.refs.update(RefUpdate(ref, None) for ref in refs)
