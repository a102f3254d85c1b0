"""Cipher texts of one tenant in a file of another: who copies them has them decrypted."""

from collections.abc import Iterable, Mapping

from app.git.layout import Place
from app.git.survey import shown
from app.sync.findings import NOWHERE, Found

FIX = "give the secret a new value, and encrypt it in its place"


def holders(files: Iterable[tuple[str, frozenset[str]]]) -> Mapping[str, set[str]]:
    """Return cipher text -> the tenants that have it; `files` are tenant and cipher texts."""
    found: dict[str, set[str]] = {}
    for tenant, texts in files:
        for text in texts:
            found.setdefault(text, set()).add(tenant)
    return found


def reused(place: Place, new: Iterable[str], known: Mapping[str, set[str]]) -> list[Found]:
    """Return the finding for a file with cipher texts, new in it, that another tenant has, too.

    What was in it before is not told: who had it first keeps it.
    """
    others = {tenant for text in new for tenant in known.get(text, ())} - {place.tenant}
    if not others:
        return []
    key = (place.tenant, place.namespace) if place.namespace else NOWHERE
    message = "The file has an encrypted value that a file of another tenant has, too"
    return [Found(key, shown(place.path), "SECRET_REUSED", "error", message, FIX)]
