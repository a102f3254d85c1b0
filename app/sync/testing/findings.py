"""What is wrong with files of tests: told at every sync, and never a reason to hold a namespace.

Whether the tests fit their flow in detail is what `headwater check` and reviews tell.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final

from app.db.records import FlowKey
from app.flows.problems import Problem
from app.flows.unit_test_documents import parse_suite
from app.git.layout import Kind, Place
from app.git.survey import Survey, lfs_finding, shown
from app.sync.findings import Found, of_problem
from app.sync.ownership import NamespaceKey
from app.sync.planning.files import Reads

_SOFT: Final = "warning"


def suite_findings(
    survey: Survey,
    changed: Collection[NamespaceKey],
    objects: Reads,
    is_flow: Callable[[FlowKey], bool],
) -> list[Found]:
    """Return what is wrong with the tests of changed namespaces, as warnings (blocking)."""
    located = [
        each
        for each in survey.of(Kind.TEST)
        if (each.place.tenant, each.place.namespace) in changed
    ]
    places: dict[str, list[Place]] = {}
    for place, entry in located:
        places.setdefault(entry.oid, []).append(place)
    found: list[Found] = []
    seen: dict[tuple[NamespaceKey, str], str] = {}
    for oid, source in objects.read_many(places):
        for place in places[oid]:
            found += _judged(place, source, is_flow, seen)
    return found


def _judged(
    place: Place,
    source: bytes,
    is_flow: Callable[[FlowKey], bool],
    seen: dict[tuple[NamespaceKey, str], str],
) -> Iterator[Found]:
    key = (place.tenant, place.namespace, "")
    if lfs_finding(place, source) is not None:
        message = "The file is a pointer of Git LFS, not the tests"
        problem = Problem("LFS_POINTER", _SOFT, "", 1, 1, message, "commit the file itself")
        yield of_problem(problem, place.path, key)
        return
    parsed = parse_suite(source, namespace=place.namespace, path=shown(place.path))
    for each in parsed.problems:
        yield of_problem(each, place.path, key)._replace(severity=_SOFT)
    suite = parsed.suite
    if suite is None:
        return
    if not is_flow((place.tenant, suite.namespace, suite.flow_id)):
        for each in parsed.against(None):
            yield of_problem(each, place.path, key)._replace(severity=_SOFT)
    owner = seen.setdefault(((place.tenant, place.namespace), suite.id), shown(place.path))
    if owner != shown(place.path):
        line = parsed.reading.line(("id",)) if parsed.reading else 0
        message = f"The tests {suite.namespace}.{suite.id} are already defined in {owner}"
        problem = Problem(
            "TEST_DUPLICATE_ID", _SOFT, "id", line, 0, message, "give them another id"
        )
        yield of_problem(problem, place.path, key)
