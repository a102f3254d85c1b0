"""All stores of access in one place, and who hears when rights may be others."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import bindparam, delete, select

from app.config import AccessSettings
from app.db.bindings import BindingStore, RoleStore
from app.db.credentials import SessionStore, TokenStore
from app.db.database import Database
from app.db.groups import GroupStore
from app.db.members import MemberStore
from app.db.sql import Write
from app.db.tables import AccessDocumentRow

_DOCUMENT: Any = AccessDocumentRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_NAMED = select(_DOCUMENT).where(_DOCUMENT.c.name == bindparam("name"))

SETUP_TOKEN: Final = "setup-token"  # noqa: S105 - a name
"""The document that holds the hash of the setup token."""

_HOUR = 3_600_000_000
_MONTH = 30 * 24 * _HOUR
_DROP = "DELETE FROM access_document WHERE name = ?"
_PUT = "INSERT INTO access_document (name, content, at) VALUES (?, ?, ?)"


def access_file(source_id: str) -> str:
    """Return the name of the document that holds what a source's `access.yaml` says, as JSON."""
    return f"access-file/{source_id}"


def document_writes(name: str, content: str, at: int) -> list[Write]:
    """Return what stores a document in place of what was there, for a larger transaction."""
    return [Write(_DROP, [(name,)]), Write(_PUT, [(name, content, at)])]


class AccessStore:
    """Users, groups, roles, bindings, tokens and sessions."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self.members = MemberStore(database, self.changed)
        self.groups = GroupStore(database, self.changed)
        self.roles = RoleStore(database, self.changed)
        self.bindings = BindingStore(database, self.changed)
        self.tokens = TokenStore(database, self.changed)
        self.sessions = SessionStore(database, self.changed)
        self.documents = DocumentStore(database, self.changed)
        self.heard: list[Callable[[], None]] = []
        """Who hears that rights may be others; only of changes that this process makes."""

    async def is_set_up(self) -> bool:
        """Whether somebody can administer the instance, or make somebody who can.

        Users whom an OIDC issuer sends do not count: they come with no rights.
        """
        if await self.members.any_local():
            return True
        _, owners = await self.bindings.search(None, role_id="instance-admin", limit=1)
        return owners > 0

    async def forget(self, now: int, settings: AccessSettings) -> None:
        """Delete sessions that are over, and tokens that ended a month ago (`now` is µs)."""
        await self.sessions.forget(now, int(settings.session_idle_hours * _HOUR))
        await self.tokens.forget(now - _MONTH)

    def changed(self) -> None:
        """Tell everybody that rights may be others."""
        for hear in self.heard:
            hear()


class DocumentStore:
    """Texts by name."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """Read from and write to `database`; `changed` is called when rights may be others."""
        self._database = database
        self._changed = changed

    async def get(self, name: str) -> str | None:
        """Return a document."""
        rows = await self._database.fetch(_NAMED, name=name)
        return rows[0].content if rows else None

    async def put(self, name: str, content: str, at: int) -> None:
        """Store a document in place of what was there."""
        await self._database.submit(document_writes(name, content, at))
        self._changed()

    async def take(self, name: str, content: str) -> bool:
        """Remove a document if this is what it says; return whether it was: only one caller."""
        same = (_DOCUMENT.c.name == name, _DOCUMENT.c.content == content)
        found = await self._database.transact(delete(_DOCUMENT).where(*same))
        self._changed()
        return bool(found[0])

    async def forget(self, beginning: str, *, but: str) -> None:
        """Delete the documents whose names begin like this, but one."""
        named = _DOCUMENT.c.name.startswith(beginning, autoescape=True)
        await self._database.transact(delete(_DOCUMENT).where(named, _DOCUMENT.c.name != but))
