"""A copy of a repository that is damaged, noticed while it is used: it is fetched anew."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.db.records import SyncRun
from app.errors import GitError, MirrorCorrupt, ObjectMissing
from app.sync.passes import Parts
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_AGAIN = 600 * 1_000_000
"""µs after which a copy may be fetched anew again: what misses then is missing at the remote."""

_T = TypeVar("_T")


def is_damage(parts: Parts, error: BaseException) -> bool:
    """Return whether an error means that our copy has to be fetched anew (blocking, short).

    A repository of our own has no other copy: its damage is told, not mended.
    """
    origin = parts.origin
    if origin is None or origin.site.location.is_own or not isinstance(error, GitError):
        return False
    if parts.mended_at is not None and parts.clock.now() < parts.mended_at + _AGAIN:
        return False
    is_gone = not (origin.mirror.folder / "HEAD").is_file()
    return is_gone or isinstance(error, MirrorCorrupt | ObjectMissing)


async def mend(parts: Parts) -> None:
    """Fetch the copy anew and forget what was read out of it.

    Raises:
        GitError: when the remote does not answer: the damaged one stays in place until it does.
    """
    mirror = parts.repository.mirror
    _LOG.warning("the copy of a repository is damaged and fetched anew", copy=mirror.folder.name)
    await asyncio.to_thread(mirror.repair)
    parts.damaged, parts.mended_at = False, parts.clock.now()
    parts.indexer.forget()
    parts.base = parts.done = None


async def mended(
    parts: Parts, sync: Callable[[str], Awaitable[SyncRun]], work: Callable[[], _T]
) -> _T:
    """Do blocking work on the repository; where that is damaged, again after it was mended.

    `sync` makes a run, which mends it.
    """
    try:
        return await asyncio.to_thread(work)
    except GitError as error:
        if not await asyncio.to_thread(is_damage, parts, error):
            raise
    parts.damaged = True
    await sync("poll")
    return await asyncio.to_thread(work)
