"""A working folder, watched: a saved file is synced at once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from app.telemetry import get_logger

_LOG = get_logger(__name__)
_AGAIN_SECONDS = 5.0


class _Saved(DefaultFilter):
    """Leaves out what editors and Git write beside the files, and our own half-written ones."""

    def __call__(self, change: Change, path: str) -> bool:
        return not Path(path).name.startswith(".headwater-") and super().__call__(change, path)


async def watch(folder: Path, changed: Callable[[], object]) -> None:
    """Call `changed` after each burst of changes below a folder, until cancelled."""
    while True:
        try:
            async for _ in awatch(
                folder, watch_filter=_Saved(), debounce=200, step=20, rust_timeout=1_000
            ):
                changed()
        except (OSError, RuntimeError) as error:
            # The folder may be gone for a moment; the poll goes on meanwhile.
            _LOG.warning("the working folder cannot be watched", error=str(error))
        await asyncio.sleep(_AGAIN_SECONDS)
