"""Tests of flows see the variables of their namespace, as the service does."""

from pathlib import Path

import pytest

from app.cli.suites import LooseFiles, batches
from app.engine.flow_tests import SuiteRunner
from app.errors import Invalid
from app.runners.jq import JqChildren
from tests.flow_tests.trees import TYPES, DictTree, run

FLOW = """
id: f
namespace: company.team
tasks:
  - {id: a, type: core.debug.Return, format: "{{ namespace.region }}"}
"""
SUITE = """
id: t
namespace: company.team
flowId: f
testCases:
  - id: one
    type: io.kestra.core.tests.flow.UnitTest
    assertions:
      - {value: "{{ outputs.a.value }}", equalTo: eu}
"""


async def test_a_case_sees_them() -> None:
    tree = DictTree(FLOW)
    tree.named = {"region": "eu"}
    result = await run(tree, SUITE)
    assert result.state == "SUCCESS", result


async def test_those_of_a_repository_are_inherited(tmp_path: Path) -> None:
    space = tmp_path / "tenants/main/namespaces"
    for name, text in {
        "company.team/flows/f.yaml": FLOW,
        "company.team/tests/t.yaml": SUITE,
        "company/variables.yaml": "region: eu\nother: {a: 1}\n",
        "company.team/variables.yaml": "other: {b: 2}\n",
    }.items():
        (space / name).parent.mkdir(parents=True, exist_ok=True)
        (space / name).write_text(text)
    (tmp_path / "tenants/main/variables.yaml").write_text("region: us\nother: {a: 0, c: 3}\n")
    (batch,) = batches([tmp_path], TYPES)
    found = batch.tree.variables("main", "company.team")
    assert found == {"region": "eu", "other": {"a": 1, "b": 2, "c": 3}}
    jq = JqChildren()
    try:
        (result,) = await SuiteRunner(TYPES, jq).run(batch.suites, batch.tree)
    finally:
        await jq.close()
    assert result.state == "SUCCESS", result


def test_those_of_a_loose_folder(tmp_path: Path) -> None:
    (tmp_path / "company.team").mkdir()
    (tmp_path / "variables.yaml").write_text("a: 1\n")
    (tmp_path / "company.team/variables.yaml").write_text("b: 2\n")
    tree = LooseFiles(tmp_path)
    assert tree.variables("main", "company.team") == {"a": 1, "b": 2}
    (tmp_path / "variables.yaml").write_text("- a\n")
    with pytest.raises(Invalid, match="is no map of variables"):
        tree.variables("main", "company.team")
