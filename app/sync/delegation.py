"""Sources that a repository describes: `sources/*.yaml` of what a source with `delegates` follows.

Only the followed branch counts, and of it only what became active. A delegated source owns at most
what its parent owns, names its namespaces, and may use the parent's credentials, nobody else's.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.config import SourceSettings
from app.errors import BadRequest, HeadwaterError, Invalid
from app.flows.yaml import YamlError, decode, load
from app.git.layout import Kind
from app.git.survey import shown
from app.git.trees import ls_tree, tree_of
from app.sync.findings import NOWHERE, Found
from app.sync.origin import Origin
from app.sync.specs import checked_spec

_STEM = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}\Z")
_MOST_BYTES = 64 * 1024
_MOST = 200


class Declared(NamedTuple):
    """One file of `sources/`: the source that it describes, or what is wrong with it."""

    path: str
    id: str
    spec: SourceSettings | None
    problem: str = ""


def declared(
    origin: Origin,
    tip: str,
    parent_id: str,
    parent: SourceSettings,
    configured: Mapping[str, SourceSettings],
) -> list[Declared]:
    """Return the sources that a commit describes, in order of their files (blocking)."""
    found = []
    for path, data in _files(origin, tip):
        stem = path.rpartition("/")[2].rpartition(".")[0]
        source_id = f"{parent_id}--{stem}"
        try:
            if not _STEM.match(stem):
                raise BadRequest("its name: small letters, digits, - and _, 31 at most")
            spec = _spec(data, parent_id, parent, configured)
            found.append(Declared(path, source_id, spec))
        except HeadwaterError as error:
            found.append(Declared(path, source_id, None, error.message))
    return found


def findings_of(found: list[Declared]) -> Iterator[Found]:
    """Yield what is wrong with the files."""
    for each in found:
        if each.spec is None:
            message = f"This describes no source: {each.problem}"
            yield Found(NOWHERE, shown(each.path), "SOURCE_INVALID", "error", message)


def _files(origin: Origin, tip: str) -> Iterator[tuple[str, bytes]]:
    folder, objects = origin.layout.below("sources"), origin.mirror.objects
    if tree_of(objects, tip, folder) is None:
        return
    entries = ls_tree(origin.mirror.disk.launcher, tip, folder, recursive=False, sizes=True)
    ours = [each for each in entries if each.kind == "blob" and (each.size or 0) <= _MOST_BYTES]
    for entry in ours[:_MOST]:
        place = origin.file_at(entry.path)
        if place is not None and place.kind is Kind.SOURCE:
            yield entry.path, objects.read(entry.oid)


def _spec(
    data: bytes, parent_id: str, parent: SourceSettings, configured: Mapping[str, SourceSettings]
) -> SourceSettings:
    try:
        document = load(decode(data)).value
    except YamlError as error:
        message = f"line {error.line}: {error.message}"
        raise Invalid(message) from None
    if not isinstance(document, dict):
        raise Invalid("a map of settings is needed")
    spec = checked_spec(_with_ref(document), configured)
    if not spec.namespaces:
        raise Invalid("namespaces: what it owns must be named")
    lender = parent_id if parent_id in configured else parent.credentials
    if spec.credentials not in (None, lender):
        raise Invalid(f"credentials: only those of its parent may be used: {lender}")
    return spec


def _with_ref(document: dict[str, Any]) -> dict[str, Any]:
    """Return settings with a ref of one kind (`ref: {branch: main}`) written as text."""
    ref = document.get("ref")
    if isinstance(ref, dict) and len(ref) == 1:
        [(kind, name)] = ref.items()
        return {**document, "ref": f"{kind}:{name}"}
    return document
