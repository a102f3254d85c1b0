"""Files of a task's working directory: put there, found there, taken into the internal storage.

What a program left there is not trusted: links are never followed, pipes and devices never opened,
and nothing outside of the directory, or on another file system, is read (security case 101).
"""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path, PurePosixPath

from app.errors import HeadwaterError
from app.flows.globs import Match
from app.plugins.api import RunContext, TaskFailed

SCHEME = "kestra://"
_OWNED = "nsfile://"

_PIECE = 256 * 1024
_ODD = re.compile(r"[\\\x00-\x1f\x7f]")
_MOST = 10_000


def place(directory: Path, name: str) -> Path:
    """Return where a file of this name lies; raises `TaskFailed` when that is outside."""
    parts = PurePosixPath(name.strip()).parts
    inside = parts[1:] if parts[:1] == ("/",) else parts
    if not inside or ".." in inside or _ODD.search(name):
        message = f"{name!r} is no name of a file in the working directory"
        raise TaskFailed(message)
    return directory.joinpath(*inside)


async def put(ctx: RunContext, directory: Path, files: Mapping[str, str]) -> None:
    """Write files: what a `kestra://` or `nsfile://` URI names, or the text itself.

    `nsfile:///path` is a file of the flow's namespace, `nsfile://other.namespace/path` of another.
    """
    for name, content in files.items():
        if content.strip().startswith(SCHEME):
            await copy(ctx.get_file(content.strip()), directory, name)
        elif content.strip().startswith(_OWNED):
            namespace, _, path = content.strip().removeprefix(_OWNED).partition("/")
            data = await ctx.files(namespace or None).read(path)
            await asyncio.to_thread(write, directory, name, data)
        else:
            await asyncio.to_thread(write, directory, name, content.encode())


async def copy(source: AsyncIterator[bytes], directory: Path, name: str) -> None:
    """Write what comes into a file of this name; raises `TaskFailed`."""
    descriptor = await asyncio.to_thread(created, directory, name, 0o644)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            async for chunk in source:
                await asyncio.to_thread(file.write, chunk)
    except HeadwaterError as error:
        raise TaskFailed(error.message) from error


def write(directory: Path, name: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file of this name; raises `TaskFailed`. It blocks."""
    with os.fdopen(created(directory, name, mode), "wb") as file:
        file.write(data)


def created(directory: Path, name: str, mode: int) -> int:
    """Return a descriptor of a file that was made or emptied; it blocks.

    A link that a program left in its place is not followed.
    """
    target = place(directory, name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(directory.resolve()):
            message = f"{name!r} leads out of the working directory"
            raise TaskFailed(message)
        if target.is_symlink():
            target.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(target, flags, mode)
    except OSError as error:
        message = f"{name} cannot be written in the working directory: {error.strerror}"
        raise TaskFailed(message) from None


async def found(directory: Path, wanted: Match) -> list[str]:
    """Return the paths, relative to the directory, of the regular files that are wanted."""
    return await asyncio.to_thread(_found, directory, wanted)


def _found(directory: Path, wanted: Match) -> list[str]:
    device = directory.stat().st_dev
    names: list[str] = []
    for folder, folders, files in os.walk(directory):
        here = Path(folder)
        folders[:] = [each for each in folders if not (here / each).is_symlink()]
        for each in files:
            path = here / each
            name = path.relative_to(directory).as_posix()
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_dev == device and wanted(name):
                names.append(name)
        if len(names) > _MOST:
            message = f"more than {_MOST} files of the working directory are wanted"
            raise TaskFailed(message)
    return sorted(names)


async def stored(ctx: RunContext, directory: Path, wanted: Match) -> dict[str, str]:
    """Take the wanted files into the internal storage; return their URIs by path."""
    uris = {}
    for name in await found(directory, wanted):
        uris[name] = await ctx.put_file(_ODD.sub("_", name), read(directory, name))
    return uris


async def read(directory: Path, name: str) -> AsyncIterator[bytes]:
    """Yield the bytes of a regular file below the directory, reached without any link."""
    descriptor = await asyncio.to_thread(opened, directory, name)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def opened(directory: Path, name: str) -> int:
    """Return a descriptor of a regular file, to be read; it blocks. Raises `TaskFailed`."""
    *folders, last = PurePosixPath(name).parts
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    at = os.open(directory, flags | os.O_DIRECTORY)
    try:
        for each in folders:
            below = os.open(each, flags | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        descriptor = os.open(last, flags | os.O_NONBLOCK, dir_fd=at)
    except OSError as error:
        message = f"{name} cannot be read in the working directory: {error.strerror}"
        raise TaskFailed(message) from None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        message = f"{name} is no regular file"
        raise TaskFailed(message)
    return descriptor
