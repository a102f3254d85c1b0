"""A run gives way to the next one, where the ref has moved on before anything became active.

Its revisions are stored all the same, so that no push swallows another one.
"""

import asyncio

from app.errors import HeadwaterError
from app.sync.passes import Parts, Pass, Settled

_CAUSES = ("poll", "webhook", "start", "window")
"""Nobody waits for these: whoever asked for this commit, or wrote it, gets it."""
_MOST = 3
"""Runs that give way one after the other: something has to become active in the end."""


async def give_way(parts: Parts, now: Pass) -> None:
    """End the run, where another one waits that has a newer commit.

    Raises:
        Settled: SUPERSEDED.
    """
    newer = await _newer(parts, now)
    if newer is None:
        parts.gave_way = 0
        return
    parts.gave_way += 1
    raise Settled("SUPERSEDED", f"{newer[:12]} came in the meantime")


async def _newer(parts: Parts, now: Pass) -> str | None:
    if now.cause not in _CAUSES or parts.gave_way >= _MOST or not parts.asked():
        return None
    try:
        seen = await asyncio.to_thread(parts.repository.look)
    except HeadwaterError:
        return None  # the next run tells of it
    return None if seen == now.seen else seen
