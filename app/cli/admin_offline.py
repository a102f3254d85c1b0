"""A user made in the database itself: the way in when nobody can log in any more."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.access import INSTANCE
from app.access.passwords import hash_password, weakness
from app.cli.outcome import NOT_FOUND, USAGE, CommandError, code_of
from app.config import Settings, SettingsError, load_settings
from app.db.access import AccessStore
from app.db.audit import AuditEntry, AuditStore
from app.db.database import Database
from app.db.member_records import Binding, Member
from app.engine.clock import SystemClock
from app.errors import HeadwaterError

_ADMIN = "instance-admin"


def make_user(data: Path | None, name: str, email: str, password: str, *, admin: bool) -> str:
    """Make a user, or give one that is there the password and enable it; return what was done.

    Whoever may write to the database has all rights anyway: no login is asked for. It is noted in
    the audit log.

    Raises:
        CommandError: when the service still runs, there is no database, or the password is weak.
    """
    if (reason := weakness(password)) is not None:
        raise CommandError(reason, USAGE)
    # The address that other commands talk to has the name of a section of the settings.
    os.environ.pop("HEADWATER_SERVER", None)
    try:
        settings = load_settings(**({} if data is None else {"data_dir": data}))
        _check(settings)
        wish = Member("user", name, email=email, password=hash_password(password))
        return asyncio.run(_make(settings, wish, admin=admin))
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    except HeadwaterError as error:
        raise CommandError(error.message, code_of(error.status)) from None


def _check(settings: Settings) -> None:
    if settings.database.url is None and not settings.data_dir.is_dir():
        message = f"there is no data directory {settings.data_dir}; name it with --data"
        raise CommandError(message, NOT_FOUND)


async def _make(settings: Settings, wish: Member, *, admin: bool) -> str:
    url = settings.database.url
    secret = url.get_secret_value() if url else None
    database = Database.at(secret, settings.data_dir, settings.database)
    await database.open()
    try:
        store, now = AccessStore(database), SystemClock().now()
        member, told = await _stored(store, replace(wish, created_at=now, updated_at=now))
        if admin:
            await _promote(store, member, now)
        detail: dict[str, Any] = {"instanceAdmin": admin}
        entry = AuditEntry(
            "", now, "headwater admin --offline", "user.offline", f"user/{member.username}",
            detail=detail,
        )  # fmt: skip
        await AuditStore(database).add(entry)
    finally:
        await database.close()
    return f"{member.username} {told}{'; it administers the instance' if admin else ''}"


async def _stored(store: AccessStore, wish: Member) -> tuple[Member, str]:
    known = await store.members.named(wish.username)
    if known is None:
        member = replace(wish, email=wish.email or (wish.username if "@" in wish.username else ""))
        await store.members.add(member)
        return member, "is made"
    changed = replace(known, password=wish.password, disabled=False, updated_at=wish.updated_at)
    await store.members.save(changed)
    await store.sessions.end_of(known.id)
    return changed, "was there: it has another password, and is enabled"


async def _promote(store: AccessStore, member: Member, now: int) -> None:
    bound = await store.bindings.of([("user", member.id)])
    if any(each.role_id == _ADMIN and each.scope == INSTANCE for each in bound):
        return
    binding = Binding("user", member.id, _ADMIN, INSTANCE, created_by="offline", created_at=now)
    await store.bindings.add([binding])
