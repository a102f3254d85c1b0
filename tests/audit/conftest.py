"""An audit log with a chain, made in a moment, and a way to tamper with it."""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from app.db.audit import AuditEntry, AuditStore
from app.db.audit_chain import Key
from app.db.audit_guard import guard
from app.db.audit_ledger import Ledger, Upkeep
from app.db.database import Database
from app.engine.clock import SystemClock
from app.executions import execution_id
from app.storage import LocalStorage

KEY = Key(b"k" * 32)


class Book:
    """A ledger on a database of its own."""

    def __init__(self, folder: Path, database: Database, upkeep: Upkeep) -> None:
        self.folder = folder
        self.database = database
        self.clock = SystemClock()
        self.store = AuditStore(database)
        self.storage = LocalStorage(folder / "audit")
        self._last = ""
        self.ledger = Ledger(database, self.storage, KEY, self.clock, upkeep)

    async def write(self, tenant: str, count: int, *, days_ago: int = 0) -> None:
        at = self.clock.now() - days_ago * 86_400_000_000
        for number in range(count):
            target = f"flow/shop.f{number}"
            entry = AuditEntry(tenant, at + number, "ada", "flow.pin", target, id=self._next())
            await self.store.add(entry)

    def _next(self) -> str:
        """Return an id after all others: within a millisecond they are in no order."""
        while (made := execution_id()) <= self._last:
            pass
        self._last = made
        return made

    async def problems(self, tenant: str | None = None) -> list[tuple[str, int | None]]:
        proofs = await self.ledger.prove(tenant)
        return [(each.tenant, each.seq) for proof in proofs for each in proof.problems]

    def tamper(self, *statements: str) -> None:
        tamper(self.folder / "headwater.sqlite", statements)


def tamper(file: Path, statements: Iterable[str]) -> None:
    """Change a database as somebody who owns it does: the triggers do not stop them."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for name in [each.split()[2] for each in guard("sqlite")]:
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def upkeep(tmp_path: Path) -> Upkeep:
    return Upkeep(anchor_file=tmp_path / "anchors.jsonl", keep_days=30)


@pytest_asyncio.fixture
async def book(tmp_path: Path, upkeep: Upkeep) -> AsyncIterator[Book]:
    database = Database.at(None, tmp_path / "data")
    await database.open()
    yield Book(tmp_path / "data", database, upkeep)
    await database.close()
