"""A tree of flows in a dictionary, and a way to run tests against it."""

import textwrap
from collections.abc import Mapping
from typing import Any

from app.engine.flow_tests import SuiteRunner
from app.plugins.registry import Registry
from app.ports import CaseResult, SuiteResult, SuiteSource

TYPES = Registry.load()


class Programs:
    """The `Jq` port: one program, which gives back its input."""

    async def run(self, program: str, document: str) -> list[Any]:
        return [document]


class DictTree:
    """The `FlowTree` port."""

    def __init__(self, *flows: str, files: Mapping[str, bytes] | None = None) -> None:
        self.sources = [textwrap.dedent(each) for each in flows]
        self.contents = dict(files or {})
        self.named: Mapping[str, Any] = {}

    def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        found = [each for each in self.sources if f"id: {flow_id}\n" in each]
        return found[0] if namespace == "company.team" and found else None

    def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        return self.contents

    def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        return self.named


def source(text: str, path: str = "tests/t.yaml") -> SuiteSource:
    return SuiteSource(path, "main", "company.team", textwrap.dedent(text))


async def run(tree: DictTree, text: str, **options: Any) -> SuiteResult:
    runner = SuiteRunner(TYPES, Programs(), **options)
    [result] = await runner.run([source(text)], tree)
    return result


async def case(flow: str, body: str, *others: str, **options: Any) -> CaseResult:
    """Run one case of a flow `f`; `body` is what the case says besides its id."""
    text = "id: t\nflowId: f\ntestCases:\n  - id: one\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )
    files = options.pop("files", None)
    result = await run(DictTree(flow, *others, files=files), text, **options)
    assert not result.errors, result.errors
    return result.cases[0]
