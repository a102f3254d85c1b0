"""What the page on tests of flows shows runs as it is shown, and so do the template's tests."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.cli.suites import batches
from app.engine.flow_tests import SuiteRunner
from app.engine.flow_tests.operators import COMPARISONS
from app.ports import SuiteResult, SuiteSource
from tests.flow_tests.trees import TYPES, Programs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/flow-tests.md").read_text()
SUITE, FLOW = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


class Page:
    """The `FlowTree` port: the flow of the page."""

    def flow(self, tenant: str, namespace: str, flow_id: str) -> str | None:
        return FLOW if f"id: {flow_id}\n" in FLOW else None

    def files(self, tenant: str, namespace: str) -> Mapping[str, bytes]:
        return {}

    def variables(self, tenant: str, namespace: str) -> Mapping[str, Any]:
        return {}


def told(result: SuiteResult) -> object:
    return result.errors, [(each.errors, each.assertions) for each in result.cases]


async def test_the_example_passes() -> None:
    suite = SuiteSource("page.yaml", "main", "company.team", SUITE)
    [result] = await SuiteRunner(TYPES, Programs()).run([suite], Page())
    assert result.state == "SUCCESS", told(result)


async def test_the_tests_of_the_template_pass() -> None:
    [batch] = batches([ROOT / "flows-repo-template"], TYPES)
    for result in await SuiteRunner(TYPES, Programs()).run(batch.suites, batch.tree):
        assert result.state == "SUCCESS", told(result)


def test_every_operator_and_every_finding_is_named() -> None:
    documents = (ROOT / "app/flows/unit_test_documents.py").read_text()
    findings = set(re.findall(r'"(TEST_[A-Z_]+)"', documents))
    assert len(findings) >= 5
    for name in (*COMPARISONS, *findings):
        assert f"`{name}`" in PAGE, name
