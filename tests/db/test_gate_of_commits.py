"""What an upgrade makes of commits that are known: which of them passed the gate."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from app.db.database import Database
from app.db.schema import migrate

_SOURCE = (
    "INSERT INTO source (id, tenant, url, ref, root, layout, edit_mode, atomic, conditions,"
    " last_passed) VALUES ('s', 'main', '', 'main', '', 'native', 'push', 'namespace', '[]',"
    " 'main@last')"
)
_COMMIT = (
    "INSERT INTO git_commit (source_id, sha, seq, first_parent, author_name, author_email,"
    " authored_at, committer_name, committed_at, subject)"
    " VALUES ('s', '{}', {}, {}, '', '', 0, '', 0, '')"
)
_RUN = (
    "INSERT INTO sync_run (id, source_id, cause, outcome, reason, new_commit, started_at, phases,"
    " counts, decision) VALUES ('{}', 's', 'poll', '{}', '', '{}', 0, '{{}}', '{{}}', '{}')"
)

HISTORY = {
    "first": None, "no": "first", "mended": "no", "last": "mended", "below": "last",
    "held": "below", "forced": None, "again": "first",
}  # fmt: skip
"""Commit -> its first parent; `last` passed last, `again` was active before."""
RUNS = (
    ("HELD", "no", "rejected"), ("SYNCED", "last", ""), ("HELD", "held", ""),
    ("HELD", "forced", "rejected"), ("HELD", "again", "approved"), ("SYNCED", "again", ""),
)  # fmt: skip


@pytest.mark.postgres
async def test_on_postgresql(postgres_database: str) -> None:
    await asyncio.to_thread(migrate, postgres_database, "0007")
    connection = await asyncpg.connect(postgres_database)
    for each in known():
        await connection.execute(each)
    await connection.close()
    await upgraded(Database.at(postgres_database, Path("unused")))


async def test_on_sqlite(tmp_path: Path) -> None:
    file = tmp_path / "headwater.sqlite"
    await asyncio.to_thread(migrate, f"sqlite:///{file}", "0007")
    with sqlite3.connect(file) as connection:
        for each in known():
            connection.execute(each)
    connection.close()
    await upgraded(Database.at(None, tmp_path))


def known() -> Iterator[str]:
    """Yield the statements that fill a database of the version before."""
    yield _SOURCE
    for place, (sha, parent) in enumerate(HISTORY.items()):
        yield _COMMIT.format(sha, place, f"'{parent}'" if parent else "NULL")
    for place, run in enumerate(RUNS):
        yield _RUN.format(place, *run)


async def upgraded(database: Database) -> None:
    """What a gate held is kept out, and what lies only below that; all else has passed."""
    await database.open()
    rows = await database.fetch(text("SELECT sha, gate FROM git_commit"))
    await database.close()
    assert {row.sha for row in rows if row.gate == "held"} == {"no", "below", "held", "forced"}
    assert {row.gate for row in rows} == {"held", "passed"}
