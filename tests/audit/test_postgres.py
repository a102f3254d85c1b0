"""The chain on PostgreSQL: sealed, append-only, closed, and proved from outside."""

from pathlib import Path

import asyncpg
import pytest

from app.db import audit_segments
from app.db.audit_ledger import Upkeep
from app.db.audit_proof import Prover
from app.db.database import Database
from app.db.read_only import reading
from tests.audit.conftest import KEY, Book

pytestmark = pytest.mark.postgres


async def test_the_whole_life_of_a_chain(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_segments, "LONGEST", 4)
    database = Database.at(postgres_database, tmp_path)
    await database.open()
    book = Book(tmp_path, database, Upkeep(keep_days=30))
    await book.write("main", 6, days_ago=40)
    await book.write("main", 4)
    await book.ledger.anchor()
    made = await book.ledger.close_old()
    assert [(each.first_seq, each.last_seq) for each in made] == [(1, 4), (5, 6)]
    await book.ledger.anchor()
    connection = await asyncpg.connect(postgres_database)
    for statement in (
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_seal SET hash = ''",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
        "DELETE FROM audit_segment",
        "DELETE FROM audit_anchor",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
    assert await problems(postgres_database, tmp_path) == []
    await connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    await connection.execute(
        "UPDATE audit SET actor = 'eve'"
        " WHERE id = (SELECT entry_id FROM audit_seal WHERE tenant = 'main' AND seq = 8)"
    )
    await connection.close()
    assert await problems(postgres_database, tmp_path) == [8]
    await database.close()


async def problems(url: str, folder: Path) -> list[int | None]:
    async with reading(url, folder) as reader:
        proofs = await Prover(reader, key=KEY).prove()
    return [each.seq for proof in proofs for each in proof.problems]
