"""What became of the signatures of commits, on SQL."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Write
from app.db.tables import CommitRow

_COMMIT: Any = CommitRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_SAVE = (
    "UPDATE git_commit SET signature = ?, signer = ?, keyring = ? WHERE source_id = ? AND sha = ?"
    " AND keyring <> ?"
)
_SOME = 500


class StoredVerdict(NamedTuple):
    """What became of a signature (see `app.git.signatures.Verdict`)."""

    state: str
    signer: str


class SignatureStore:
    """Verdicts about the commits of a source's first-parent history."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def known(
        self, source_id: str, commits: Collection[str], keyring: str
    ) -> dict[str, StoredVerdict]:
        """Return those of some commits that were judged by a version of the keys."""
        wanted, found = sorted(set(commits)), dict[str, StoredVerdict]()
        for start in range(0, len(wanted), _SOME):
            query = select(_COMMIT.c.sha, _COMMIT.c.signature, _COMMIT.c.signer).where(
                _COMMIT.c.source_id == source_id,
                _COMMIT.c.keyring == keyring,
                _COMMIT.c.sha.in_(wanted[start : start + _SOME]),
            )
            for row in await self._database.fetch(query):
                found[row.sha] = StoredVerdict(row.signature, row.signer)
        return found

    async def save(
        self, source_id: str, verdicts: Mapping[str, StoredVerdict], keyring: str
    ) -> None:
        """Note what became of signatures; of commits that are not stored nothing is."""
        rows = [
            (each.state, each.signer[:200], keyring, source_id, sha, keyring)
            for sha, each in verdicts.items()
        ]
        if rows:
            await self._database.submit([Write(_SAVE, rows)])
