"""What sources say of tenants, as their active commits have it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from app.db.database import Database
from app.db.read_only import Reader
from app.db.sql import Write
from app.db.tenant_tables import TenantFileRow

_ROW: Any = TenantFileRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_ALL = select(_ROW.c.source_id, _ROW.c.tenant, _ROW.c.text, _ROW.c.commit_sha)
_SAVE = (
    "INSERT INTO tenant_file (source_id, tenant, text, commit_sha, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (source_id, tenant) DO UPDATE SET text = excluded.text,"
    " commit_sha = excluded.commit_sha, at = excluded.at"
)
_DROP = "DELETE FROM tenant_file WHERE source_id = ? AND tenant = ?"


class TenantFile(NamedTuple):
    """What one source says of one tenant; no text: it has the folder, and no `tenant.yaml`."""

    source_id: str
    tenant: str
    text: str | None
    commit: str


class TenantStore:
    """The files of tenants."""

    def __init__(self, database: Database | Reader) -> None:
        """Read from `database`."""
        self._database = database

    async def all(self) -> list[TenantFile]:
        """Return what all sources say."""
        return [TenantFile(*row) for row in await self._database.fetch(_ALL)]


def tenant_writes(
    source_id: str,
    before: Mapping[str, str | None],
    after: Mapping[str, str | None],
    commit: str,
    at: int,
) -> Iterator[Write]:
    """Yield what turns the stored files of a source into those of a commit (tenant -> text)."""
    news = [
        (source_id, tenant, text, commit, at)
        for tenant, text in after.items()
        if tenant not in before or before[tenant] != text
    ]
    if news:
        yield Write(_SAVE, news)
    if gone := [(source_id, tenant) for tenant in before if tenant not in after]:
        yield Write(_DROP, gone)
