"""Working directories: one for each attempt that asks for it, one for each `WorkingDirectory`.

Where one lies follows from the ids alone, so that a walk which goes on after a crash finds it
again. What belongs to nothing any more is removed when the node starts.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path


def place(work: Path, execution_id: str, run_id: str) -> Path:
    """Return where the directory of a task run lies."""
    return work / execution_id / run_id


async def present(directory: Path) -> None:
    """Make a directory, or leave it as it is."""
    await asyncio.to_thread(_make, directory)


async def fresh(directory: Path) -> None:
    """Make an empty directory; an attempt that was interrupted may have left one."""
    await asyncio.to_thread(_fresh, directory)


def _fresh(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    _make(directory)


def _make(directory: Path) -> None:
    # Others may go through to what is theirs (programs may run as another user), and see nothing.
    directory.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


async def remove(directory: Path) -> None:
    """Remove a directory, and the one of its execution if it was the last."""
    await asyncio.to_thread(_remove, directory)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    with suppress(OSError):  # it is not empty, or gone already
        directory.parent.rmdir()


async def sweep(work: Path, alive: Callable[[Sequence[str]], Awaitable[set[str]]]) -> int:
    """Remove the directories of executions that are not `alive`; return how many."""
    found = await asyncio.to_thread(_names, work)
    kept = await alive(found) if found else set()
    gone = [name for name in found if name not in kept]
    for name in gone:
        await asyncio.to_thread(shutil.rmtree, work / name, ignore_errors=True)
    return len(gone)


def _names(work: Path) -> list[str]:
    try:
        return sorted(each.name for each in work.iterdir())
    except FileNotFoundError:
        return []
