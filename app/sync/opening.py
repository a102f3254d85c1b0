"""Opening a source's repository: our copy on disk, made where it is new."""

import asyncio

from app.errors import HeadwaterError
from app.sync.lending import lender_of
from app.sync.origin import Origin, locate
from app.sync.passes import Parts
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_SECONDS = 5.0
"""How long the start waits for a copy."""


async def opened(parts: Parts) -> Origin:
    """Return the repository; raises `GitError` when a remote that is new here does not answer."""
    if parts.origin is not None:
        return parts.origin
    if parts.opening is None or parts.opening.done():
        parts.opening = asyncio.create_task(_open(parts), name="open")
        parts.opening.add_done_callback(_hear)
    return await asyncio.shield(parts.opening)  # who gives up waiting leaves it to the next


async def _open(parts: Parts) -> Origin:
    lend = lender_of(parts.forge)
    spec, now_of = parts.spec, parts.clock.now
    parts.origin = await asyncio.to_thread(Origin, spec, parts.home, now_of, lend)
    return parts.origin


def _hear(opening: asyncio.Task[Origin]) -> None:
    if not opening.cancelled():
        opening.exception()  # nobody need wait for it; an unseen failure is no warning


async def open_copy(parts: Parts) -> None:
    """Open what is on this disk already, without a word to the remote.

    What was active goes on from it; the first run tells what is wrong where it cannot be opened.
    """
    try:
        if await asyncio.to_thread(_is_here, parts):
            async with asyncio.timeout(_SECONDS):  # a damaged one is made anew from the remote
                await opened(parts)
    except (HeadwaterError, TimeoutError) as error:
        _LOG.warning("a repository is not open yet", reason=str(error) or "it takes long")


def _is_here(parts: Parts) -> bool:
    return locate(parts.spec, parts.home).mirror.exists()
