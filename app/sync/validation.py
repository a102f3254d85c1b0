"""Validation of flow files at the tip: parsed in batches, of which only the outcome is kept."""

from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from app.errors import Unavailable
from app.expressions import check, is_known
from app.flows.flow import Flow, PluginDefault
from app.flows.parse import Parsed, parse_flow
from app.flows.typenames import Types
from app.flows.usages import Analyser
from app.git.layout import Layout, Place
from app.git.objects import ObjectReader
from app.git.survey import Located, lfs_finding, shown
from app.ports.flows import NO_DEFAULTS, DefaultSet, DefaultSetOf
from app.sync.contents import Contents
from app.sync.findings import Found, of_layout, of_problem

PlacedDefaults = Mapping[tuple[str, str], Sequence[PluginDefault]]
"""(Tenant, namespace) -> the plugin defaults that its flows have from outside."""


class Facts(NamedTuple):
    """What lists show of a flow without parsing it."""

    labels: str = "[]"
    description: str | None = None
    disabled: bool = False


class Verdict(NamedTuple):
    """What validation says of one file."""

    path: str
    flow_id: str | None
    facts: Facts
    found: tuple[Found, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the flow may become active."""
        return not any(each.is_error for each in self.found)


ANALYSER: Final = Analyser(check, is_known)
"""What the validation of flows knows of templates."""


def parse(
    source: str | bytes,
    types: Types,
    tenant: str,
    namespace: str | None,
    path: str = "",
    *,
    defaults: DefaultSetOf = lambda _: NO_DEFAULTS,
) -> Parsed:
    """Parse a flow that lies in a namespace, checking its templates, too.

    Raises:
        Unavailable: when it is not valid without plugin defaults that cannot be read for now.
    """
    lacking: list[str] = []

    def outside(name: str) -> Sequence[PluginDefault]:
        found = defaults(name)
        if found.lacking:
            lacking.append(f"the plugin defaults of {name} cannot be read now: {found.lacking}")
        return found.entries

    parsed = parse_flow(
        source,
        types=types,
        tenant=tenant,
        namespace=namespace,
        path=path,
        defaults=outside,
        check=ANALYSER,
    )
    if parsed.flow is None and lacking:
        raise Unavailable(lacking[0])
    return parsed


def facts_of(flow: Flow) -> Facts:
    """Return what lists show of a flow."""
    labels = [{"key": each.key, "value": each.value} for each in flow.labels]
    return Facts(orjson.dumps(labels).decode(), flow.description, flow.disabled)


def validate(
    files: Sequence[Located],
    objects: ObjectReader,
    contents: Contents,
    types: Types,
    layout: Layout,
    defaults: PlacedDefaults = MappingProxyType({}),
) -> Generator[Verdict, None, None]:
    """Yield a verdict for each flow file (blocking)."""
    places: dict[str, list[Place]] = {}
    for place, entry in files:
        places.setdefault(entry.oid, []).append(place)
    for oid, source in contents.sources(objects, places):
        for place in places[oid]:
            own = defaults.get((place.tenant, place.namespace), ())
            yield _judged(place, source, types, layout, own)


def _judged(
    place: Place, source: bytes, types: Types, layout: Layout, defaults: Sequence[PluginDefault]
) -> Verdict:
    pointer = lfs_finding(place, source)
    if pointer is not None:
        return Verdict(place.path, None, Facts(), (of_layout(pointer, layout),))
    path = shown(place.path)
    given = DefaultSet(tuple(defaults))
    parsed = parse(source, types, place.tenant, place.namespace, path, defaults=lambda _: given)
    flow = parsed.flow
    key = (place.tenant, place.namespace, flow.id if flow else "")
    found = tuple(of_problem(problem, place.path, key) for problem in parsed.problems)
    return Verdict(
        place.path, flow.id if flow else None, facts_of(flow) if flow else Facts(), found
    )
