"""Tests of what a pull request changes: those of its flows and of the flows that depend on them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.flows.keyvalues import lineage
from app.flows.variable_files import inherited, variables_of
from app.flows.yaml import YamlError, decode, load
from app.git.layout import Kind
from app.git.survey import Located
from app.ports import FlowTests, SuiteResult, SuiteSource
from app.sync.planning.plan import ChangePlan
from app.sync.planning.tree import FlowFile, FlowKey, TreeView
from app.sync.review.judging import Judgement


class MergedFlows:
    """Flows and namespace files of a merged tree (implements `ports.FlowTree`)."""

    def __init__(self, tree: TreeView) -> None:
        """Read from a tree."""
        self._tree = tree
        self._flows: Mapping[FlowKey, FlowFile] | None = None

    def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        """Return the source of a flow, None if there is no such flow."""
        if self._flows is None:
            self._flows = self._tree.flows()
        file = self._flows.get((tenant, namespace, flow_id))
        source = self._tree.read(file.path) if file else None
        return None if source is None else source.decode("utf-8", "replace")

    def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        """Return the files of a namespace by path."""
        located = [
            each
            for each in self._tree.survey.of(Kind.FILE)
            if (each.place.tenant, each.place.namespace) == (tenant, namespace)
        ]
        blobs = dict(self._tree.files.read_many(dict.fromkeys(each.entry.oid for each in located)))
        return {each.place.name: blobs[each.entry.oid] for each in located}

    def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        """Return the variables that flows of a namespace see; raises `Invalid`."""
        files = {
            each.place.namespace: each
            for each in self._tree.survey.of(Kind.VARIABLES)
            if each.place.tenant == tenant
        }
        chain = [files[each] for each in ("", *reversed(lineage(namespace))) if each in files]
        return inherited(
            variables_of(self._tree.content(each.entry), each.place.path) for each in chain
        )


async def run_tests(tests: FlowTests, judged: Judgement) -> Sequence[SuiteResult]:
    """Run the tests that a change concerns, at the merged tree."""
    suites = await asyncio.to_thread(suites_of, judged.plan, judged.tree)
    return await tests.run(suites, MergedFlows(judged.tree)) if suites else ()


def suites_of(plan: ChangePlan, tree: TreeView) -> list[SuiteSource]:
    """Return the files of tests of flows that change or depend on one, and those that change."""
    impact = plan.impact
    spaces = {key[:2] for key in impact}
    changed = {
        (each.tenant, each.namespace, test.name) for each in plan.namespaces for test in each.tests
    }
    spaces |= {key[:2] for key in changed}
    located = [
        each
        for each in tree.survey.of(Kind.TEST)
        if (each.place.tenant, each.place.namespace) in spaces
    ]
    found = []
    for suite in _sources(tree, located):
        name = (suite.tenant, suite.namespace, _name(tree, suite))
        if name in changed or _flow_tested(suite) in impact:
            found.append(suite)
    return found


def _sources(tree: TreeView, located: Sequence[Located]) -> list[SuiteSource]:
    blobs = dict(tree.files.read_many(dict.fromkeys(each.entry.oid for each in located)))
    return [
        SuiteSource(
            each.place.path,
            each.place.tenant,
            each.place.namespace,
            blobs[each.entry.oid].decode("utf-8", "replace"),
        )
        for each in sorted(located, key=lambda each: each.place.path)
    ]


def _name(tree: TreeView, suite: SuiteSource) -> str:
    place = tree.layout.place(suite.path)
    return place.name if place else ""


def _flow_tested(suite: SuiteSource) -> FlowKey:
    """Return the flow that a file of tests names; what cannot be read names none."""
    try:
        document = load(decode(suite.text.encode())).value
    except YamlError:
        return suite.tenant, suite.namespace, ""
    named = document.get("flowId") if isinstance(document, dict) else None
    return suite.tenant, suite.namespace, named if isinstance(named, str) else ""
