"""The schema's version: a fresh database is made at once, an older one is migrated.

Alembic is imported only when there is something to migrate: it costs half a second of every start.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from app.db.audit_guard import guard
from app.db.sql import Query, Row
from app.db.tables import metadata, partial_indexes
from app.errors import Conflict, HeadwaterError

HEAD = "0009"
"""The newest migration; a test holds it to the files in `migrations/versions`."""

_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaDriver(Protocol):
    """What a schema change needs of a driver."""

    dialect: Dialect

    async def fetch(self, query: Query) -> list[Row]:
        """Run a query."""
        ...

    async def run(self, script: Sequence[str]) -> None:
        """Run statements."""
        ...


async def prepare(driver: SchemaDriver, url: str) -> None:
    """Bring the schema to `HEAD`.

    Raises:
        Conflict: when the database is newer than this program.
    """
    version = await _version(driver)
    if version is None:
        await driver.run(creation(driver.dialect))
    elif version > HEAD:
        message = f"the database has schema {version}, this program knows {HEAD}: upgrade Headwater"
        raise Conflict(message)
    elif version != HEAD:
        await asyncio.to_thread(migrate, url)


def creation(dialect: Dialect) -> list[str]:
    """Return the statements that make the newest schema from nothing."""
    partial_indexes(dialect.name)
    script = [_VERSION_TABLE]
    for table in metadata.sorted_tables:
        script.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda each: str(each.name))
        script.extend(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes)
    script.extend(guard(dialect.name))
    script.append(f"INSERT INTO alembic_version VALUES ('{HEAD}')")  # noqa: S608 - a constant
    return script


def migrate(url: str, revision: str = "head") -> None:
    """Run Alembic's migrations up to `revision` (blocking)."""
    from alembic import command  # noqa: PLC0415 - costs half a second, rarely needed
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, revision)


async def _version(driver: SchemaDriver) -> str | None:
    try:
        rows: list[Any] = await driver.fetch(Query("SELECT version_num FROM alembic_version", ()))
    except HeadwaterError:
        return None
    return str(rows[0].version_num) if rows else None
