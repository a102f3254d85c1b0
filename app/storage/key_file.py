"""The key of a data directory: made once at random, for those who set none of their own."""

import base64
import logging
import os
import secrets
from pathlib import Path

from app.config import Settings
from app.errors import Unavailable
from app.flows.encryption import Cipher

_BYTES = 32
_LOGGER = logging.getLogger(__name__)


def key_of(file: Path) -> str:
    """Return the key (Base64) in a file; a missing file is made, readable by us only.

    Raises:
        Unavailable: the file cannot be made or read.
    """
    try:
        if not file.exists():
            _make(file)
        _warn_if_open(file)
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        message = f"the key of secret values in {file} cannot be used: {reason}"
        raise Unavailable(message) from None


def _make(file: Path) -> None:
    """Write a new key beside the place and link it there: it is never seen half written."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(base64.b64encode(os.urandom(_BYTES)) + b"\n")
            target.flush()
            os.fsync(target.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            return  # another process was faster: its key counts
        except OSError:  # a file system without links
            fresh.replace(file)
        _sync(file.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _warn_if_open(file: Path) -> None:
    # Volumes of clusters are made accessible to groups at every mount: no reason to refuse.
    if file.stat().st_mode & 0o007:
        _LOGGER.warning("The key of secret values in %s is open to every user: chmod 600 it", file)


def cipher_of(settings: Settings) -> Cipher:
    """Return what seals secret values: under the key that is set, else under one of our own.

    Raises:
        Unavailable: when the file of our own key is none.
    """
    if (key := settings.encryption.key) is not None:
        return Cipher.of(key.get_secret_value())
    file = settings.data_dir / "encryption.key"
    try:
        return Cipher.of(key_of(file))
    except ValueError as error:
        message = (
            f"{file} holds no key of secret values: {error}; put the file back from a backup, or"
            " remove it: a new one is made, and what was encrypted under the old one is lost"
        )
        raise Unavailable(message) from None
