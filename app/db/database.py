"""A database that is open: one writer, readers, the schema at its newest version."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ClauseElement
from sqlalchemy.engine.interfaces import Dialect

from app.config import DatabaseSettings
from app.db.batches import Batches, Driver, Subject
from app.db.schema import prepare
from app.db.sql import Query, Row, Write, compiled
from app.db.sqlite import SqliteDriver, make_folder, refuse_network_file_system


class OpenDriver(Driver, Protocol):
    """What a database needs of its driver."""

    dialect: Dialect

    async def open(self) -> None:
        """Connect; refuse when somebody else holds the database."""
        ...

    async def fetch(self, query: Query) -> list[Row]:
        """Run a query and return its rows."""
        ...

    async def run(self, script: Sequence[str]) -> None:
        """Run statements for a change of the schema."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Database:
    """Reads and writes of one process; every write is one unit of the group commit."""

    def __init__(self, driver: OpenDriver, url: str, *, batch: int = 1024) -> None:
        """Use `driver`; `url` is what migrations connect to, `batch` the most units of a commit."""
        self._driver = driver
        self._url = url
        self._batches = Batches(driver, batch)
        self.dialect = driver.dialect

    @classmethod
    def at(
        cls, url: str | None, data_dir: Path, settings: DatabaseSettings | None = None
    ) -> "Database":
        """Choose the database: PostgreSQL by URL, or the file `headwater.sqlite` in `data_dir`."""
        settings = settings or DatabaseSettings()
        batch = settings.batch_operations
        if url and url.startswith("postgres"):
            from app.db.postgres import PostgresDriver  # noqa: PLC0415 - an optional extra

            url = url.replace("postgres://", "postgresql://", 1)
            return cls(PostgresDriver(url, readers=settings.pool_size), url, batch=batch)
        path = Path(url.removeprefix("sqlite:///")) if url else data_dir / "headwater.sqlite"
        make_folder(path.parent)
        refuse_network_file_system(path.parent)
        driver = SqliteDriver(path, busy_timeout=settings.busy_timeout_seconds)
        return cls(driver, f"sqlite:///{path}", batch=batch)

    async def open(self) -> None:
        """Connect and bring the schema to its newest version."""
        await self._driver.open()
        try:
            await prepare(self._driver, self._url)
        except BaseException:
            await self._driver.close()
            raise

    async def close(self) -> None:
        """Commit what is queued and disconnect."""
        await self._batches.close()
        await self._driver.close()

    def submit(
        self,
        writes: Sequence[Write],
        subject: Subject | None = None,
        follows: Subject | None = None,
    ) -> asyncio.Future[list[int]]:
        """Queue writes as one unit; the future is done when they are durable."""
        return self._batches.submit(writes, subject, follows)

    async def transact(self, *statements: ClauseElement) -> list[int]:
        """Commit Core statements as one unit; return how many rows each changed."""
        writes = [Write(*_one(compiled(each, self.dialect))) for each in statements]
        return await self.submit(writes)

    async def fetch(self, statement: ClauseElement, **values: Any) -> list[Row]:
        """Run a Core query and return its rows; `values` are of the parameters that it names."""
        return await self._driver.fetch(compiled(statement, self.dialect, values))

    async def fetch_sql(self, sql: str, *parameters: Any) -> list[Row]:
        """Run a query given as text with `?` placeholders: for hot paths."""
        return await self._driver.fetch(Query(sql, parameters))


def _one(query: Query) -> tuple[str, list[tuple[Any, ...]]]:
    return query.sql, [query.parameters]
