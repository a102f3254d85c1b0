"""What is wrong with documents that are no flows: secrets, variables, tests, the manifest."""

from collections.abc import Mapping, Sequence

from app.flows.flow import Flow
from app.flows.problems import Problem
from app.flows.unit_test_documents import parse_suite
from app.git.layout import Kind
from app.git.survey import Located, lfs_finding, shown
from app.sync.documents import judged
from app.sync.findings import Found, of_layout, of_problem
from app.sync.planning.tree import FlowFile, FlowKey, TreeView

_DOCUMENTS = frozenset(
    {Kind.SECRETS, Kind.PREVIEW_SECRETS, Kind.VARIABLES, Kind.NAMESPACE, Kind.TENANT, Kind.TEST}
)


def other_findings(
    view: TreeView, located: Located, flows: Mapping[FlowKey, FlowFile]
) -> Sequence[Found]:
    """Return what is wrong with a file that is no flow; `flows` are those of the tree."""
    place = located.place
    if place.kind not in _DOCUMENTS:
        return []
    source = view.content(located.entry)
    if place.kind is not Kind.TEST:
        return list(judged(place, source, view.layout))
    pointer = lfs_finding(place, source)
    if pointer is not None:
        return [of_layout(pointer, view.layout)]
    key = (place.tenant, place.namespace, "")
    problems = _of_suite(view, located, source, flows)
    return [of_problem(each, place.path, key) for each in problems]


def _of_suite(
    view: TreeView, located: Located, source: bytes, flows: Mapping[FlowKey, FlowFile]
) -> tuple[Problem, ...]:
    place = located.place
    parsed = parse_suite(source, namespace=place.namespace, path=shown(place.path))
    if parsed.suite is None:
        return parsed.problems
    file = flows.get((place.tenant, parsed.suite.namespace, parsed.suite.flow_id))
    flow = _flow(view, file) if file is not None else None
    if file is not None and flow is None:
        return parsed.problems  # the flow itself is wrong, which is told at the flow
    return (*parsed.problems, *parsed.against(flow))


def _flow(view: TreeView, file: FlowFile) -> Flow | None:
    return next((view.parse(file, source).flow for _, source in view.sources([file])), None)
