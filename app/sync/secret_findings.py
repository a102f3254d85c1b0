"""What is wrong with files of secrets at a commit, as far as the service can open them.

A file that cannot be opened, was changed without its key or belongs elsewhere keeps its namespace
where it is. So does one that has a cipher text of another tenant: who may read a repository could
else have somebody else's secrets decrypted by copying them.
"""

from collections.abc import Collection, Iterator

from app.errors import HeadwaterError
from app.flows.secret_files import SecretFile, read_secret_file
from app.git.layout import Kind, Place
from app.git.survey import Survey, shown
from app.git.trees import blob_of
from app.sync.findings import NOWHERE, Found
from app.sync.flowfiles import tree_entries
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey
from app.sync.passes import Pass
from app.sync.reuse import holders, reused
from app.sync.secret_opening import FILE, SecretOpener

_FIXES = {
    "SECRET_UNDECRYPTABLE": "add the recipient of this service with `headwater secret recipients "
    "add`, or give the service the identity and run `headwater git sync`",
    "SECRET_SCOPE": "make the file anew in its place with `headwater secret set`",
    "SECRET_TAMPERED": "restore the file from a commit in which it was whole",
}


def secret_findings(
    origin: Origin, now: Pass, opener: SecretOpener, changed: Collection[NamespaceKey]
) -> list[Found]:
    """Return what is wrong with the secrets of changed namespaces, and of tenants (blocking)."""
    judged = list(_files(origin, now.survey, changed))
    found = [each for file in judged for each in _unusable(opener, *file)]
    return found + list(_reused(origin, now, [file for file in judged if file[2].ciphertexts]))


_Judged = tuple[Place, bytes, SecretFile]


def _files(origin: Origin, survey: Survey, changed: Collection[NamespaceKey]) -> Iterator[_Judged]:
    places: dict[str, list[Place]] = {}
    for place, entry in survey.of(Kind.SECRETS):
        if (place.tenant, place.namespace) in changed or not place.namespace:
            places.setdefault(entry.oid, []).append(place)
    for oid, source in origin.mirror.objects.read_many(places):
        read = read_secret_file(source)
        yield from ((place, source, read) for place in places[oid])


def _unusable(
    opener: SecretOpener, place: Place, source: bytes, read: SecretFile
) -> Iterator[Found]:
    """Yield why a file cannot be used; what has no recipients SOPS has not written."""
    if any(each.severity == "error" for each in read.problems) or not read.recipients:
        return
    if not opener.identities.any_of(place.tenant):
        message = f"This service has no age identity for secrets of tenant {place.tenant}"
        yield _found(place, "SECRET_UNDECRYPTABLE", message, "warning")
        return
    try:
        opener.decrypted(source, (place.tenant, place.namespace), place.path)
    except HeadwaterError as error:
        yield _found(place, error.code, error.message)


def _reused(origin: Origin, now: Pass, judged: Collection[_Judged]) -> Iterator[Found]:
    """Yield cipher texts that are new in a file, and that a file of another tenant has, too."""
    if not judged or len({key[0] for key in now.snapshots} | {f[0].tenant for f in judged}) < 2:
        return
    known = holders(_all_of(origin, now.tip or ""))
    for place, _, read in judged:
        yield from reused(place, read.ciphertexts - _before(origin, now, place), known)


def _all_of(origin: Origin, tip: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield tenant and cipher texts of every file of secrets."""
    tenants: dict[str, set[str]] = {}
    for entry in tree_entries(origin, tip):
        if entry.path.endswith(FILE) and (place := origin.layout.place(entry.path)) is not None:
            tenants.setdefault(entry.oid, set()).add(place.tenant)
    for oid, source in origin.mirror.objects.read_many(tenants):
        texts = read_secret_file(source).ciphertexts
        yield from ((tenant, texts) for tenant in tenants[oid])


def _before(origin: Origin, now: Pass, place: Place) -> frozenset[str]:
    """Return the cipher texts of the file as it is active: who had them first keeps them."""
    snapshot = now.snapshots.get((place.tenant, place.namespace))
    if snapshot is None or not snapshot.commit:
        return frozenset()
    try:
        blob = blob_of(origin.mirror.objects, snapshot.commit, place.path)
        source = origin.mirror.objects.read(blob) if blob else b""
    except HeadwaterError:
        return frozenset()  # the commit is gone
    return read_secret_file(source).ciphertexts


def _found(place: Place, code: str, message: str, severity: str = "error") -> Found:
    key = (place.tenant, place.namespace) if place.namespace else NOWHERE
    return Found(key, shown(place.path), code, severity, message, _FIXES.get(code, ""))
