"""The age identities of tenants and namespaces; read when they are needed, kept nowhere."""

from pathlib import Path
from typing import NamedTuple

from app.config import SecretSettings
from app.errors import Unavailable
from app.flows.keyvalues import lineage

_PREFIX = "AGE-SECRET-KEY-"
_SSH = "-----BEGIN "
_LARGEST = 1 << 16


class Ring(NamedTuple):
    """Identities that may open a file. They are secrets: never logged, never told."""

    own: tuple[str, ...]
    """Those of the namespace, of the ones above it and of the tenant."""
    common: tuple[str, ...]
    """Those of all tenants."""

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"Ring({len(self.own)} own, {len(self.common)} common)"

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.own or self.common)


class Identities:
    """Finds the identities of a place."""

    def __init__(self, settings: SecretSettings) -> None:
        """Find them where the settings say."""
        self._files = settings.identities
        key = settings.age_key
        self._common = split(key.get_secret_value()) if key is not None else ()

    def of(self, tenant: str, namespace: str) -> Ring:
        """Return the identities of a namespace ("": of the tenant's own file) (blocking).

        Raises:
            Unavailable: when a file of identities cannot be read, or holds none.
        """
        places = [f"{tenant}/{each}" for each in lineage(namespace)] if namespace else []
        found: list[str] = []
        for place in (*places, tenant):
            if (file := self._files.get(place)) is not None:
                found += _read(place, file)
        return Ring(tuple(dict.fromkeys(found)), self._common)

    def any_of(self, tenant: str) -> bool:
        """Whether files of a tenant can be decrypted at all."""
        return bool(self._common) or any(place.partition("/")[0] == tenant for place in self._files)


def split(text: str) -> tuple[str, ...]:
    """Return the identities in a text: one a line, or one SSH key."""
    if _SSH in text:
        return (text.strip() + "\n",)
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line.startswith(_PREFIX))


def _read(place: str, file: Path) -> tuple[str, ...]:
    try:
        with file.open("rb") as source:
            found = split(source.read(_LARGEST).decode("utf-8", "replace"))
    except OSError as error:
        message = f"the age identities of {place} cannot be read: {error.strerror or error}"
        raise Unavailable(message) from None
    if not found:
        message = f"the file of {place} holds no age identity: `AGE-SECRET-KEY-1…` is needed"
        raise Unavailable(message)
    return found
