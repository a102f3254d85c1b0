"""Objects by id, read through a pool of `git cat-file --batch-command` children.

One child answers one thread at a time; `info` tells an object's size before any content moves, so
that a huge blob is refused without being read. A child that died is replaced and the request asked
once more. 64 requests are sent ahead of their answers where many objects are wanted.
"""

import os
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from app.errors import (
    BadRequest,
    HeadwaterError,
    MirrorCorrupt,
    ObjectMissing,
    TooLarge,
    Unavailable,
)
from app.git.names import is_oid
from app.git.process import Launcher, end

# 64 requests of at most 1,000 bytes fit a pipe: neither side can block while the other one writes.
_AHEAD = 64
_LINE = 1000
_CHUNK = 1 << 16
_GROUP_BYTES = 4 * 1024**2

_T = TypeVar("_T")


class ObjectInfo(NamedTuple):
    """What is known of an object before it is read. `kind`: blob, tree, commit or tag."""

    oid: str
    kind: str
    size: int


class _DeadChildError(Exception):
    """The child ended, or stopped answering."""


class _Child:
    """One `cat-file --batch-command` process and the bytes that it has sent ahead."""

    __slots__ = ("_buffer", "_poll", "_process", "_seconds", "generation")

    def __init__(self, launcher: Launcher, generation: int) -> None:
        self._process = launcher.open(["cat-file", "--batch-command"])
        self._seconds = launcher.limits.seconds
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self.generation = generation

    @property
    def _out(self) -> int:
        assert self._process.stdout is not None  # noqa: S101 - opened with a pipe
        return self._process.stdout.fileno()

    def send(self, requests: bytes) -> None:
        """Write requests, one a line."""
        assert self._process.stdin is not None  # noqa: S101 - opened with a pipe
        try:
            view = memoryview(requests)
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]
        except OSError as error:
            raise _DeadChildError from error

    def info(self) -> ObjectInfo | None:
        """Take the answer to an `info` request; None when there is no such object."""
        line = self._line()
        parts = line.split(" ")
        if len(parts) == 3 and is_oid(parts[0]) and parts[2].isdigit():
            return ObjectInfo(parts[0], parts[1], int(parts[2]))
        return None

    def content(self, oid: str) -> bytes:
        """Take the answer to a `contents` request."""
        info = self.info()
        if info is None:
            raise ObjectMissing(f"The repository does not hold the object {oid[:64]} any more")
        end_at = info.size + 1
        while len(self._buffer) < end_at:
            self._fill()
        data = bytes(self._buffer[: info.size])
        del self._buffer[:end_at]
        return data

    def close(self) -> None:
        """End the process."""
        end(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _line(self) -> str:
        searched = 0
        while (at := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > 2 * _LINE:
                raise _DeadChildError
            self._fill()
        line = self._buffer[:at].decode("utf-8", "replace")
        del self._buffer[: at + 1]
        return line

    def _fill(self) -> None:
        if not self._poll.poll(self._seconds * 1000):
            raise _DeadChildError
        data = os.read(self._out, _CHUNK)
        if not data:
            raise _DeadChildError
        self._buffer += data


class ObjectReader:
    """Reads objects of one repository; safe to use from many threads at once."""

    def __init__(self, launcher: Launcher, *, size: int = 4, limit: int = 50 * 1024**2) -> None:
        """Make a reader of at most `size` children; `limit` bytes is the default for one object."""
        self._launcher = launcher
        self._limit = limit
        self._idle: list[_Child] = []
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._generation = 0
        self._closed = False

    def info(self, name: str) -> ObjectInfo | None:
        """Return what an object is, by id, ref, unique prefix or `<commit>:<path>`.

        None when there is no such object, or when a prefix is ambiguous.

        Raises:
            MirrorCorrupt: when Git cannot answer because the repository is damaged.
        """
        return self._infos([_check_name(name)])[0]

    def infos(self, names: Iterable[str]) -> Iterator[tuple[str, ObjectInfo | None]]:
        """Yield (name, what it is) for each name, in order."""
        remaining = iter(names)
        while batch := [_check_name(name) for name in islice(remaining, _AHEAD)]:
            yield from zip(batch, self._infos(batch), strict=True)

    def read(self, oid: str, *, limit: int | None = None) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectMissing: when the repository does not hold it.
            TooLarge: when it has more than `limit` bytes; its content was not touched.
            MirrorCorrupt: when it is damaged.
        """
        return next(self.read_many([oid], limit=limit))[1]

    def read_many(
        self, oids: Iterable[str], *, limit: int | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (id, bytes) for each id, in order; few are in memory at a time.

        Raises:
            ObjectMissing, TooLarge, MirrorCorrupt: as `read`, at the id concerned.
        """
        most = self._limit if limit is None else limit
        group: list[str] = []
        weight = 0
        for oid, info in self.infos(oids):
            refusal = _refusal(oid, info, most)
            size = info.size if info else 0
            if group and (refusal or weight + size > _GROUP_BYTES or len(group) == _AHEAD):
                yield from self._contents(group)
                group, weight = [], 0
            if refusal:
                raise refusal
            group.append(oid)
            weight += size
        yield from self._contents(group)

    def reset(self) -> None:
        """Replace all children: the repository's folder was exchanged."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()

    def close(self) -> None:
        """End all children; later calls fail."""
        self._closed = True
        self.reset()

    def _infos(self, names: Sequence[str]) -> list[ObjectInfo | None]:
        request = "".join(f"info {name}\n" for name in names).encode("utf-8", "surrogateescape")

        def ask(child: _Child) -> list[ObjectInfo | None]:
            child.send(request)
            return [child.info() for _ in names]

        return self._ask(ask, names[0])

    def _contents(self, oids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        request = "".join(f"contents {oid}\n" for oid in oids).encode()

        def ask(child: _Child) -> list[tuple[str, bytes]]:
            child.send(request)
            return [(oid, child.content(oid)) for oid in oids]

        yield from self._ask(ask, oids[0]) if oids else []

    def _ask(self, ask: Callable[[_Child], _T], name: str) -> _T:
        """Let a child answer; a dead one is replaced once, the second death is a damaged object."""
        with self._slots:
            for _ in range(2):
                child = self._take()
                try:
                    answer = ask(child)
                except _DeadChildError:
                    child.close()
                except BaseException:
                    child.close()
                    raise
                else:
                    self._give_back(child)
                    return answer
        raise MirrorCorrupt(f"Git cannot read {name[:80]!r} in {self._launcher.folder.name}")

    def _take(self) -> _Child:
        with self._lock:
            if self._closed:
                raise Unavailable("The repository is closed")
            if self._idle:
                return self._idle.pop()
            generation = self._generation
        return _Child(self._launcher, generation)

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            if child.generation == self._generation and not self._closed:
                self._idle.append(child)
                return
        child.close()


def _refusal(oid: str, info: ObjectInfo | None, most: int) -> HeadwaterError | None:
    """Return why an object is not read, None when it may be."""
    if info is None:
        return ObjectMissing(f"The repository does not hold the object {oid[:64]}")
    if info.size > most:
        return TooLarge(f"Object {oid[:64]} has {info.size} bytes, the limit is {most}")
    return None


def _check_name(name: str) -> str:
    """Return a name that is one line for `cat-file`."""
    if not name or len(name) > _LINE or any(char in name for char in "\n\r\0"):
        raise BadRequest(f"{name[:80]!r} cannot be the name of an object")
    return name
