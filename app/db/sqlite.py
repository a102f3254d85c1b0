"""SQLite: one writing connection in a thread of its own, some reading ones (contract D18).

WAL with `synchronous=FULL`: what is acknowledged survives a power cut. Only the writer makes
checkpoints. Network file systems are refused: their locks cannot be trusted.
"""

import asyncio
import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.db.batches import Unit
from app.db.sql import SQLITE, Query, Row, Write, row_type
from app.errors import Conflict, Fenced, HeadwaterError, Unavailable

VERSION = sqlite3.sqlite_version_info
"""Of the library that is linked."""

_READERS = 2
# What a value that cannot be stored raises is no error of SQLite's own.
_FAILURES = (sqlite3.Error, UnicodeError, OverflowError)
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})


class SqliteDriver:
    """A database file, held by one process."""

    dialect = SQLITE

    def __init__(self, path: Path, *, busy_timeout: float = 5.0) -> None:
        """Use the database file at `path`; nothing is opened yet.

        `busy_timeout`: seconds to wait for a lock that another program holds.
        """
        self._path = path
        self._busy_timeout = busy_timeout
        self._writer_pool = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._reader_pool = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")
        self._readers: list[sqlite3.Connection] = []
        self._lock: Any = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Take the exclusive lock and connect.

        Raises:
            Conflict: when another process holds the data directory.
            Unavailable: when nothing can be written there.
        """
        make_folder(self._path.parent)
        with using(self._path.parent):
            self._take_lock()
            # It holds hashes of passwords and tokens; its journal gets the file's permissions.
            self._path.touch(0o600)
        await self._write_thread(self._connect_writer)

    def _take_lock(self) -> None:
        path = self._path.with_suffix(".lock")
        self._lock = path.open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            message = (
                f"another Headwater process uses {self._path.parent}; stop it or choose another"
                " data directory"
            )
            raise Conflict(message) from None

    def _connect_writer(self) -> None:
        self._connection = connection = self._connect()
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=2000")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.execute(f"PRAGMA busy_timeout={int(self._busy_timeout * 1000)}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA mmap_size=0")
        connection.execute("PRAGMA cache_size=-16384")
        return connection

    async def _write_thread(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer_pool, call, *arguments)

    async def commit(self, units: Sequence[Unit]) -> None:
        """Commit the units (see `Driver`)."""
        await self._write_thread(self._commit, units)

    def _commit(self, units: Sequence[Unit]) -> None:
        try:
            self._transaction(units)
        except _FAILURES:
            for unit in units:
                self._alone(unit)

    def _alone(self, unit: Unit) -> None:
        unit.counts.clear()
        if unit.refused:
            unit.refuse(Fenced("an earlier write of the same execution was refused"))
            return
        try:
            self._transaction([unit])
        except _FAILURES as error:
            unit.refuse(_translated(error))

    def _transaction(self, units: Sequence[Unit]) -> None:
        connection = self._connection
        if connection is None:
            message = "the database is closed"
            raise sqlite3.ProgrammingError(message)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for write in merged(units):
                connection.executemany(write.sql, write.rows)
            for unit in units:
                unit.counts.extend(_own(connection, unit.writes))
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    async def fetch(self, query: Query) -> list[Row]:
        """Run a query and return its rows."""
        return await asyncio.get_running_loop().run_in_executor(
            self._reader_pool, self._fetch, query
        )

    def _fetch(self, query: Query) -> list[Row]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect()
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("PRAGMA query_only=ON")
        try:
            cursor = connection.execute(query.sql, query.parameters)
            make = row_type([column[0] for column in cursor.description])._make
            return [make(row) for row in cursor]
        except sqlite3.Error as error:
            raise _translated(error) from error
        finally:
            self._readers.append(connection)

    async def run(self, script: Sequence[str]) -> None:
        """Run statements one by one, outside of batches: for schema changes."""
        await self._write_thread(self._run, script)

    def _run(self, script: Sequence[str]) -> None:
        for statement in script:
            if self._connection is not None:
                self._connection.execute(statement)

    async def close(self) -> None:
        """Checkpoint, close the connections and let go of the lock."""
        await self._write_thread(self._close_writer)
        self._reader_pool.shutdown(wait=True)
        self._writer_pool.shutdown(wait=True)
        for reader in self._readers:
            reader.close()
        if self._lock is not None:
            self._lock.close()

    def _close_writer(self) -> None:
        if self._connection is not None:
            self._connection.execute("PRAGMA optimize")
            self._connection.close()
            self._connection = None


def merged(units: Sequence[Unit]) -> list[Write]:
    """Gather equal ranked statements of all units, so that each runs once with all its rows."""
    rows: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for unit in units:
        for write in unit.writes:
            if write.rank is not None:
                rows.setdefault((write.rank, write.sql), []).extend(write.rows)
    return [Write(sql, rows[rank, sql], rank) for rank, sql in sorted(rows)]


def _own(connection: sqlite3.Connection, writes: Sequence[Write]) -> list[int]:
    return [
        connection.executemany(write.sql, write.rows).rowcount
        for write in writes
        if write.rank is None
    ]


def _translated(error: Exception) -> HeadwaterError:
    if isinstance(error, sqlite3.IntegrityError):
        return Fenced(f"somebody else wrote this row already ({error})")
    return Unavailable(f"the database refuses: {error}")


def make_folder(folder: Path) -> None:
    """Make a data directory unless it is there; raise `Unavailable` when that is not possible."""
    with using(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Raise `Unavailable` when the system refuses what the block does in a data directory."""
    try:
        yield
    except OSError as error:
        taken = isinstance(error, FileExistsError)
        reason = os.strerror(errno.ENOTDIR) if taken else error.strerror
        message = f"the data directory {folder} cannot be used: {reason}; choose another one"
        raise Unavailable(message) from None


def refuse_network_file_system(path: Path) -> None:
    """Raise `Conflict` when `path` lies on a network file system: its locks cannot be trusted."""
    kind = _file_system(path)
    if kind in _NETWORK_FILE_SYSTEMS:
        message = (
            f"{path} lies on {kind}; SQLite needs a local disk."
            " Use PostgreSQL (HEADWATER_DATABASE__URL)"
        )
        raise Conflict(message)


def _file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, as Linux names it ("" elsewhere)."""
    device = path.stat().st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    with (
        suppress(OSError, ValueError),
        Path("/proc/self/mountinfo").open(encoding="utf-8") as table,
    ):
        for line in table:
            fields = line.split()
            if fields[2] == name:
                return fields[fields.index("-") + 1]
    return ""
