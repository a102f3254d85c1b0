"""The schema: what migrations make is what a fresh database has; newer ones are refused."""

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from app.db import migrations
from app.db.database import Database
from app.db.schema import HEAD, migrate
from app.errors import Conflict, Unavailable


def described(path: Path) -> dict[str, object]:
    """Every table's columns and keys, and every index, of an SQLite file."""
    with sqlite3.connect(path) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        found: dict[str, object] = {
            table: sorted(connection.execute(f"PRAGMA table_info({table})")) for table in tables
        }
        for table in tables:
            for index in connection.execute(f"PRAGMA index_list({table})").fetchall():
                columns = connection.execute(f"PRAGMA index_info({index[1]})").fetchall()
                found[f"{table}.{index[1]}"] = (index[2], index[4], sorted(columns))
            sql = connection.execute(
                "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
            ).fetchone()[0]
            found[f"{table} without rowid"] = "WITHOUT ROWID" in sql
    connection.close()
    return found


async def test_a_migrated_database_equals_a_fresh_one(tmp_path: Path) -> None:
    fresh = Database.at(None, tmp_path / "fresh")
    await fresh.open()
    await fresh.close()
    migrated = tmp_path / "migrated.sqlite"
    await asyncio.to_thread(migrate, f"sqlite:///{migrated}")
    assert described(tmp_path / "fresh" / "headwater.sqlite") == described(migrated)


@pytest.mark.postgres
async def test_a_migrated_postgres_equals_a_fresh_one(postgres_database: str) -> None:
    query = (
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    connection = await asyncpg.connect(postgres_database)
    await asyncio.to_thread(migrate, postgres_database)
    migrated = await connection.fetch(query), await connection.fetch(indexes)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    database = Database.at(postgres_database, Path("unused"))
    await database.open()
    await database.close()
    assert (await connection.fetch(query), await connection.fetch(indexes)) == migrated
    await connection.close()


def test_head_is_the_newest_migration() -> None:
    files = Path(migrations.__file__).parent.joinpath("versions").glob("[0-9]*.py")
    assert max(file.name[:4] for file in files) == HEAD


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    database = Database.at(None, tmp_path)
    await database.open()
    await database.close()
    with sqlite3.connect(tmp_path / "headwater.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(Conflict, match="upgrade Headwater"):
        await Database.at(None, tmp_path).open()


@pytest.mark.postgres
@pytest.mark.slow
async def test_one_process_writes_to_a_postgres_database(postgres_database: str) -> None:
    database = Database.at(postgres_database, Path("unused"))
    await database.open()
    with pytest.raises(Conflict, match="another Headwater process"):
        await Database.at(postgres_database, Path("unused")).open()
    await database.close()
    again = Database.at(postgres_database, Path("unused"))
    await again.open()
    await again.close()


async def test_one_process_holds_the_data_directory(tmp_path: Path) -> None:
    database = Database.at(None, tmp_path)
    await database.open()
    with pytest.raises(Conflict, match="another Headwater process"):
        await Database.at(None, tmp_path).open()
    await database.close()
    again = Database.at(None, tmp_path)
    await again.open()
    await again.close()


@pytest.mark.parametrize("below", ["", "x", "x/y"])
async def test_a_file_is_no_data_directory(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(Unavailable, match=r"file.* cannot be used: Not a directory"):
        Database.at(None, file / below)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
async def test_nothing_can_be_made_in_a_data_directory() -> None:
    database = Database.at(None, Path("/proc"))
    with pytest.raises(Unavailable, match="the data directory /proc cannot be used: No such file"):
        await database.open()
    await database.close()
