"""The first user of an instance: whoever can read its data directory, or its first words, makes it.

The setup token works once, and only while there is no user at all.
"""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from app.access import INSTANCE
from app.access.passwords import hash_password, weakness
from app.access.tokens import hash_of, is_hash_of, new_secret
from app.api.services import Services
from app.db.access import SETUP_TOKEN
from app.db.member_records import Binding, Member
from app.errors import Conflict, Invalid, Unauthorized

FILE: Final = "setup-token"
_PREFIX = "hws_"


class First(NamedTuple):
    """The first user."""

    username: str
    password: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""


async def is_open(node: Services) -> bool:
    """Whether the first user can be made: not where `access.yaml` says who administers."""
    settings = node.settings
    if not settings.asks_for_login or settings.access.source is not None:
        return False
    return not await node.access.is_set_up()


async def offer_setup(node: Services) -> str | None:
    """Return the setup token, made anew at each start; None once there is a user.

    It is written to `setup-token` in the data directory, which only our user can read.
    """
    file = node.settings.data_dir / FILE
    if not await is_open(node):
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return None
    token = _PREFIX + new_secret()
    await node.access.documents.put(SETUP_TOKEN, hash_of(token), node.clock.now())
    await asyncio.to_thread(_write, file, token)
    return token


async def set_up(node: Services, first: First, token: str) -> Member:
    """Make the first user, for whom the setup token is given.

    Raises:
        Conflict: when there is a user. Unauthorized: with another token.
        Invalid: when the password is too weak.
    """
    if not await is_open(node):
        raise Conflict("this instance has its first user already; log in")
    documents = node.access.documents
    wrong = Unauthorized(
        f"the setup token is wrong: it is in {FILE} in the service's data directory"
    )
    if not is_hash_of(await documents.get(SETUP_TOKEN) or "", token):
        raise wrong  # before anything is told, or computed, for whoever asks
    if await node.access.members.named(first.username) is not None:
        raise Conflict(f"there is a member called {first.username} already")
    if (reason := weakness(first.password)) is not None:
        raise Invalid(reason)
    password = await asyncio.to_thread(hash_password, first.password)
    if not await documents.take(SETUP_TOKEN, hash_of(token)):
        raise wrong
    member = await _make(node, first, password)
    await asyncio.to_thread((node.settings.data_dir / FILE).unlink, missing_ok=True)
    return member


async def _make(node: Services, first: First, password: str) -> Member:
    now = node.clock.now()
    email = first.email or (first.username if "@" in first.username else "")
    member = Member(
        "user", first.username, email=email, first_name=first.first_name,
        last_name=first.last_name, password=password, created_at=now, updated_at=now,
    )  # fmt: skip
    await node.access.members.add(member)
    owner = Binding(
        "user", member.id, "instance-admin", INSTANCE, created_by="setup", created_at=now
    )
    await node.access.bindings.add([owner])
    return member


def _write(file: Path, token: str) -> None:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(token + "\n")
    fresh.replace(file)
