"""The databases that port contracts are held to: SQLite, PostgreSQL, and fakes in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db.database import Database

KINDS = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> str | None:
    """Where pairs and lines are kept: the address of a database, "" for SQLite's, None: memory."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return "" if request.param == "sqlite" else None


@pytest.fixture
async def database(place: str | None, tmp_path: Path) -> AsyncIterator[Database | None]:
    """An open database at the place, None where a fake stands in for it."""
    if place is None:
        yield None
        return
    database = Database.at(place or None, tmp_path)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """An open SQLite database."""
    database = Database.at(None, tmp_path / "sqlite")
    await database.open()
    yield database
    await database.close()
