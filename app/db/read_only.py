"""A database that is only read, beside a service that runs or without one: for proofs.

Nothing is locked, and nothing can be written through it.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import ClauseElement

from app.db.sql import SQLITE, Row, compiled, numbered, row_type
from app.errors import NotFound, Unavailable


class Reader(Protocol):
    """What can be asked."""

    async def fetch(self, statement: ClauseElement, **values: Any) -> list[Row]:
        """Run a Core query and return its rows."""
        ...


@asynccontextmanager
async def reading(url: str | None, data_dir: Path) -> AsyncIterator[Reader]:
    """Read from PostgreSQL by URL, or from the file `headwater.sqlite` in `data_dir`.

    Raises:
        NotFound: there is no database. Unavailable: it does not answer.
    """
    if url and url.startswith("postgres"):
        async with _postgres(url) as reader:
            yield reader
        return
    path = Path(url.removeprefix("sqlite:///")) if url else data_dir / "headwater.sqlite"
    if not path.is_file():
        message = f"there is no database {path}; name the data directory of the service"
        raise NotFound(message)
    connection = await asyncio.to_thread(_open, path)
    try:
        yield _Sqlite(connection)
    finally:
        connection.close()


def _open(path: Path) -> sqlite3.Connection:
    # `mode=ro` reads the write-ahead log of a running service, too.
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        message = f"the database {path} cannot be read: {error}"
        raise Unavailable(message) from None
    return connection


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: ClauseElement, **values: Any) -> list[Row]:
        query = compiled(statement, SQLITE, values)
        return await asyncio.to_thread(self._run, query.sql, query.parameters)

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> list[Row]:
        try:
            cursor = self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            message = f"the database refuses: {error}"
            raise Unavailable(message) from None
        make = row_type([column[0] for column in cursor.description])._make
        return [make(row) for row in cursor]


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Reader]:
    import asyncpg  # noqa: PLC0415 - an optional extra

    from app.db.postgres import POSTGRES  # noqa: PLC0415 - as above

    plain = url.replace("postgresql+asyncpg://", "postgresql://")
    settings = {"default_transaction_read_only": "on"}
    try:
        connection = await asyncpg.connect(plain, server_settings=settings)
    except (asyncpg.PostgresError, OSError) as error:
        message = f"PostgreSQL does not answer: {error}"
        raise Unavailable(message) from None

    class Postgres:
        async def fetch(self, statement: ClauseElement, **values: Any) -> list[Row]:
            query = compiled(statement, POSTGRES, values)
            records = await connection.fetch(numbered(query.sql), *query.parameters)
            if not records:
                return []
            make = row_type(list(records[0].keys()))._make
            return [make(record.values()) for record in records]

    try:
        yield cast("Reader", Postgres())
    finally:
        await connection.close()
