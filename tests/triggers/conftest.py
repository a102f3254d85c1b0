"""A database for each test of triggers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A new SQLite database."""
    opened = Database.at(None, tmp_path)
    await opened.open()
    yield opened
    await opened.close()
