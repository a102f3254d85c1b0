"""What is wrong with tests of flows: as a sync says it, and whether they fit what they test."""

from collections.abc import Iterator, Mapping

from app.flows.flow import Flow
from app.flows.unit_test_documents import ParsedSuite, parse_suite
from app.git.layout import Kind
from app.git.survey import Located, shown
from app.sync.findings import Found, of_problem
from app.sync.planning.comparing import Comparison
from app.sync.planning.tree import FlowFile, FlowKey, TreeView
from app.sync.testing.findings import suite_findings

NamespaceKey = tuple[str, str]


def findings_of_suites(
    base: TreeView | None, head: TreeView, compared: Comparison
) -> Iterator[Found]:
    """Yield what is wrong with tests that changed, and with tests of flows that changed."""
    changed = {
        after.place.path
        for _, after in compared.surroundings.changed
        if after is not None and after.place.kind is Kind.TEST
    }
    namespaces = {
        (file.place.tenant, file.place.namespace)
        for pair in compared.pairs
        for file in (pair.old, pair.new)
        if file is not None
    }
    namespaces |= {
        (each.place.tenant, each.place.namespace)
        for each in head.survey.of(Kind.TEST)
        if each.place.path in changed
    }
    if not namespaces:
        return
    known = set(_of_tree(base, namespaces, compared.old)) if base else set()
    found = _of_tree(head, namespaces, compared.new)
    yield from (each for each in found if each not in known)


def _of_tree(
    view: TreeView, namespaces: set[NamespaceKey], flows: Mapping[FlowKey, FlowFile]
) -> Iterator[Found]:
    yield from suite_findings(view.survey, namespaces, view.files, flows.__contains__)
    for located in view.survey.of(Kind.TEST):
        if (located.place.tenant, located.place.namespace) in namespaces:
            yield from _misfits(view, located, flows)


def _misfits(
    view: TreeView, located: Located, flows: Mapping[FlowKey, FlowFile]
) -> Iterator[Found]:
    place = located.place
    parsed = parse_suite(view.content(located.entry), namespace=place.namespace)
    flow = _tested(view, place.tenant, parsed, flows)
    # That there is no such flow, or that it is wrong, is told already.
    for each in parsed.against(flow) if flow is not None else ():
        found = of_problem(each, shown(place.path), (place.tenant, place.namespace, ""))
        yield found._replace(severity="warning")


def _tested(
    view: TreeView, tenant: str, parsed: ParsedSuite, flows: Mapping[FlowKey, FlowFile]
) -> Flow | None:
    suite = parsed.suite
    file = flows.get((tenant, suite.namespace, suite.flow_id)) if suite else None
    if file is None:
        return None
    return next((view.parse(file, source).flow for _, source in view.sources([file])), None)
