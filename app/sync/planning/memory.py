"""What was read of flow files, remembered by their object ids: a plan parses only what changed."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from app.expressions import check, is_known
from app.flows.references import References, references_of
from app.flows.typenames import Types
from app.flows.usages import Analyser
from app.sync.identities import flow_id_in
from app.sync.planning.files import Files

ANALYSER: Final = Analyser(check, is_known)

_CALLS = re.compile(rb"flowId|[Ss]ubflow|ForEachItem|tasks\.flows\.")
_LISTENS = re.compile(rb"\.Flow\b")
_SECRETS = re.compile(rb"\bsecret\s*\(")
_TYPES = re.compile(rb"""\btype['"]?:[ \t]*['"]?([a-z][\w$]*(?:\.[\w$]+)+)""")
_REMEMBERED: Final = 200_000


class Brief(NamedTuple):
    """What the lines of a flow file tell without reading its YAML."""

    flow_id: str | None
    calls: bool = False
    """Whether it may start other flows."""
    listens: bool = False
    """Whether it may listen to other flows."""
    secrets: bool = False
    """Whether it may use secrets."""
    types: frozenset[str] = frozenset()
    """What it calls types, as it is written."""


class Memory:
    """Remembers the identity and the references of flow files; safe among threads."""

    def __init__(self, types: Types) -> None:
        """Know the types of tasks and triggers; nothing is remembered yet."""
        self.types = types
        self._briefs: dict[str, Brief] = {}
        self._references: dict[tuple[str, str], References] = {}
        self._types: dict[frozenset[bytes], frozenset[str]] = {}

    def briefs(self, files: Files, oids: Iterable[str]) -> dict[str, Brief]:
        """Return what the files of these ids are, reading those that are new."""
        wanted = list(dict.fromkeys(oids))
        found = {oid: self._briefs.get(oid) for oid in wanted}
        unknown = [oid for oid, brief in found.items() if brief is None]
        for oid, source in files.read_many(unknown):
            found[oid] = self._learn(oid, source)
        return {oid: brief for oid, brief in found.items() if brief is not None}

    def references(
        self, files: Files, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], References]:
        """Return the references of files, each given by its id and its namespace."""
        keys = list(dict.fromkeys(wanted))
        found = {key: self._references[key] for key in keys if key in self._references}
        unknown: dict[str, list[str]] = {}
        for oid, namespace in keys:
            if (oid, namespace) not in found:
                unknown.setdefault(oid, []).append(namespace)
        for oid, source in files.read_many(unknown):
            for namespace in unknown[oid]:
                found[oid, namespace] = self._refer(oid, namespace, source)
        return found

    def full_name(self, name: str) -> str:
        """Return the full name of a type, however it is written; itself when it is unknown."""
        types = self.types
        found = (
            types.task(name) or types.trigger(name) or types.condition(name) or types.runner(name)
        )
        return found.type_name if found else name

    def _learn(self, oid: str, source: bytes) -> Brief:
        if len(self._briefs) > _REMEMBERED:
            self._briefs.clear()
            self._types.clear()
        brief = Brief(
            flow_id_in(source, self.types),
            _CALLS.search(source) is not None,
            _LISTENS.search(source) is not None,
            _SECRETS.search(source) is not None,
            self._written_types(source),
        )
        self._briefs[oid] = brief
        return brief

    def _written_types(self, source: bytes) -> frozenset[str]:
        """Return the types; flows use few combinations of them, each is kept once."""
        found = frozenset(_TYPES.findall(source))
        known = self._types.get(found)
        if known is None:
            known = frozenset(each.decode("ascii", "replace") for each in found)
            self._types[found] = known
        return known

    def _refer(self, oid: str, namespace: str, source: bytes) -> References:
        if len(self._references) > _REMEMBERED:
            self._references.clear()
        found = references_of(source, types=self.types, namespace=namespace, analyser=ANALYSER)
        self._references[oid, namespace] = found
        return found
