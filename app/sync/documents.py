"""What is wrong with the files beside the flows: secrets, variables, settings of namespaces."""

from collections.abc import Collection, Iterable, Iterator

from app.flows.problems import Problem
from app.flows.secret_files import read_secret_file
from app.flows.yaml import YamlError, decode, load
from app.git.layout import Kind, Layout, Place
from app.git.objects import ObjectReader
from app.git.survey import Survey, lfs_finding
from app.sync.findings import NOWHERE, Found, of_layout, of_problem
from app.sync.namespace_file import settings_problems
from app.sync.ownership import NamespaceKey
from app.sync.tenant_file import tenant_problems

_SECRETS = (Kind.SECRETS, Kind.PREVIEW_SECRETS)
_DOCUMENTS = (*_SECRETS, Kind.VARIABLES, Kind.NAMESPACE)


def document_findings(
    survey: Survey, changed: Collection[NamespaceKey], objects: ObjectReader, layout: Layout
) -> list[Found]:
    """Return what is wrong with the documents of changed namespaces (blocking).

    A secret that is not encrypted is an error: its namespace does not move, and the message says
    where it stands, never what it is.
    """
    places: dict[str, list[Place]] = {}
    for place, entry in survey.of(*_DOCUMENTS):
        if (place.tenant, place.namespace) in changed or not place.namespace:
            places.setdefault(entry.oid, []).append(place)
    found = [
        each
        for oid, source in objects.read_many(places)
        for place in places[oid]
        for each in judged(place, source, layout)
    ]
    return [*found, *_inherited(found, survey, changed)]


def _inherited(
    found: Iterable[Found], survey: Survey, changed: Collection[NamespaceKey]
) -> Iterator[Found]:
    """Yield errors for the namespaces below variables that cannot be read: they stay, too."""
    places = {place.path: place for place, _ in survey.of(Kind.VARIABLES)}
    for each in found:
        place = places.get(each.path)
        if place is None or not each.is_error:
            continue
        above = f"{place.namespace}." if place.namespace else ""
        for key in changed:
            if key[0] == place.tenant and key[1].startswith(above) and key[1] != place.namespace:
                message = f"The namespace {key[1]} inherits what cannot be read: {each.message}"
                yield each._replace(namespace=key, message=message)


def judged(place: Place, source: bytes, layout: Layout) -> Iterator[Found]:
    """Yield what is wrong with one document."""
    pointer = lfs_finding(place, source)
    if pointer is not None:
        yield of_layout(pointer, layout)
        return
    problems: Iterable[Problem] = (
        read_secret_file(source).problems if place.kind in _SECRETS else _of_map(source)
    )
    if place.kind is Kind.NAMESPACE:
        problems = [*problems, *settings_problems(source)]
    if place.kind is Kind.TENANT:
        problems = tenant_problems(source)
    tenant, namespace = (place.tenant, place.namespace) if place.namespace else NOWHERE
    key = (tenant, namespace, "")
    yield from (of_problem(each, place.path, key) for each in problems)


def _of_map(source: bytes) -> Iterable[Problem]:
    try:
        value = load(decode(source)).value
    except YamlError as error:
        return [Problem(error.problem, "error", "", error.line, error.column, error.message)]
    if value is None or isinstance(value, dict):
        return ()
    return [Problem("SCHEMA", "error", "", 1, 1, "The document is not a map")]
