"""The proof of the audit log on the database itself, without the service."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from app.cli.outcome import NOT_FOUND, USAGE, CommandError, code_of
from app.config import Settings, SettingsError, load_settings
from app.db.audit_anchors import anchors_outside
from app.db.audit_chain import Key
from app.db.audit_proof import Proof, Prover, prove_archive
from app.db.audit_segments import segments
from app.db.read_only import Reader, reading
from app.errors import HeadwaterError
from app.ports import Storage
from app.storage import LocalStorage


def prove(data: Path, *, archives: bool) -> list[dict[str, Any]]:
    """Return what is found of every chain of the database of a data directory.

    Raises:
        CommandError: when there is none, or it cannot be read.
    """
    if not data.is_dir():
        message = f"there is no data directory {data}"
        raise CommandError(message, NOT_FOUND)
    # The address that other commands talk to has the name of a section of the settings.
    os.environ.pop("HEADWATER_SERVER", None)
    try:
        settings = load_settings(data_dir=data)
        proofs = asyncio.run(_prove(settings, archives=archives))
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    except HeadwaterError as error:
        raise CommandError(error.message, code_of(error.status)) from None
    return [each.to_json() for each in proofs]


async def _prove(settings: Settings, *, archives: bool) -> list[Proof]:
    storage = LocalStorage(settings.data_dir / "audit")
    url = settings.database.url
    outside = await anchors_outside(storage, settings.audit.anchor_file)
    async with reading(url.get_secret_value() if url else None, settings.data_dir) as reader:
        proofs = await Prover(reader, outside, _key(settings)).prove()
        if archives:
            async for proof, problem in _archives(reader, storage, proofs):
                proof.problems.append(problem)
    return proofs


async def _archives(
    reader: Reader, storage: Storage, proofs: list[Proof]
) -> AsyncIterator[tuple[Proof, Any]]:
    for proof in proofs:
        for segment in await segments(reader, proof.tenant):
            if segment.archive and (problem := await prove_archive(segment, storage)):
                yield proof, problem


def _key(settings: Settings) -> Key | None:
    """Return what signs anchors; None where it is not here: signatures are not looked at then."""
    if settings.audit.key is not None:
        return Key(settings.audit.key.get_secret_value().encode())
    try:
        text = (settings.data_dir / "audit.key").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Key(text.encode())
