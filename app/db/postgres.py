"""PostgreSQL: one writing connection doing group commit, a small pool that reads.

The writing connection holds an advisory lock: one node writes to a database at a time.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine.interfaces import Dialect

from app.db.batches import Unit
from app.db.sql import Query, Row, numbered, row_type
from app.db.sqlite import merged
from app.errors import Conflict, Fenced, HeadwaterError, Unavailable

POSTGRES: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
_LOCK = 0x48656164  # "Head": the key of the advisory lock
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, UnicodeError)
# A unit of its own makes these, not the connection.
_OWN = (asyncpg.PostgresError, asyncpg.DataError, UnicodeError)


class PostgresDriver:
    """A PostgreSQL database, written by one process."""

    dialect = POSTGRES

    def __init__(self, url: str, *, readers: int = 10) -> None:
        """Use the database at `url` (`postgresql://…`); nothing is opened yet.

        `readers`: the most connections that read at once.
        """
        self._readers = readers
        self._url = url.replace("postgresql+asyncpg://", "postgresql://")
        self._writer: Any = None
        self._pool: Any = None
        self._sql: dict[str, str] = {}

    async def open(self) -> None:
        """Connect and take the advisory lock.

        Raises:
            Unavailable: when the server does not answer.
            Conflict: when another process holds the lock.
        """
        try:
            self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._readers)
            self._writer = await asyncpg.connect(self._url)
        except _FAILURES as error:
            message = f"PostgreSQL does not answer: {error}"
            raise Unavailable(message) from error
        try:
            await self._take_lock()
        except BaseException:
            await self.close()
            raise

    async def _take_lock(self) -> None:
        # A killed process may be gone before its server side has noticed: wait a little for it.
        await self._writer.execute("SET lock_timeout = '5s'")
        try:
            await self._writer.execute("SELECT pg_advisory_lock($1)", _LOCK)
        except asyncpg.LockNotAvailableError:
            message = "another Headwater process uses this database; stop it or choose another one"
            raise Conflict(message) from None

    async def commit(self, units: Sequence[Unit]) -> None:
        """Commit the units (see `Driver`)."""
        await self._reconnect()
        try:
            await self._transaction(units)
        except _FAILURES as error:
            if not isinstance(error, _OWN):
                raise _translated(error) from error
            for unit in units:
                await self._alone(unit)

    async def _alone(self, unit: Unit) -> None:
        unit.counts.clear()
        if unit.refused:
            unit.refuse(Fenced("an earlier write of the same execution was refused"))
            return
        try:
            await self._transaction([unit])
        except _FAILURES as error:
            unit.refuse(_translated(error))

    async def _transaction(self, units: Sequence[Unit]) -> None:
        async with self._writer.transaction():
            for write in merged(units):
                await self._writer.executemany(self._numbered(write.sql), write.rows)
            for unit in units:
                for write in unit.writes:
                    if write.rank is None:
                        unit.counts.append(await self._own(write.sql, write.rows))

    async def _own(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        text = self._numbered(sql)
        if len(rows) > 1:
            await self._writer.executemany(text, rows)
            return len(rows)
        status = await self._writer.execute(text, *rows[0])
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    def _numbered(self, sql: str) -> str:
        if "?" not in sql:
            return sql
        if sql not in self._sql:
            self._sql[sql] = numbered(sql)
        return self._sql[sql]

    async def _reconnect(self) -> None:
        if not self._writer.is_closed():
            return
        try:
            self._writer = await asyncpg.connect(self._url)
        except _FAILURES as error:
            raise _translated(error) from error
        await self._take_lock()

    async def fetch(self, query: Query) -> list[Row]:
        """Run a query and return its rows."""
        try:
            records = await self._pool.fetch(self._numbered(query.sql), *query.parameters)
        except _FAILURES as error:
            raise _translated(error) from error
        if not records:
            return []
        make = row_type(list(records[0].keys()))._make
        return [make(record.values()) for record in records]

    async def run(self, script: Sequence[str]) -> None:
        """Run statements one by one in one transaction: for schema changes."""
        async with self._writer.transaction():
            for statement in script:
                await self._writer.execute(statement)

    async def close(self) -> None:
        """Close the connections."""
        if self._writer is not None:
            await self._writer.close()
        if self._pool is not None:
            await self._pool.close()


def _translated(error: Exception) -> HeadwaterError:
    if isinstance(error, asyncpg.UniqueViolationError):
        return Fenced(f"somebody else wrote this row already ({error})")
    return Unavailable(f"the database refuses: {error}")
