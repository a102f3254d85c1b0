"""Facts about flows and inputs that Kestra's own tests assert, where that data lies beside us."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.flows.inputs import validate_inputs
from app.flows.parse import parse_flow
from tests.flows.fakes import PermissiveTypes
from tests.flows.test_inputs import declare

DATA = Path("../shared/conformance")
VALID = sorted(DATA.glob("flows/valids/*.y*ml"))

pytestmark = pytest.mark.skipif(not VALID, reason="the conformance data is not beside the project")


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_flows_are_valid(path: Path) -> None:
    parsed = parse_flow(path.read_bytes(), types=PermissiveTypes())
    assert parsed.errors == ()
    assert parsed.flow is not None
    json.dumps(parsed.flow.to_json())


@pytest.mark.parametrize("path", sorted(DATA.glob("flows/invalids/*.yaml")), ids=lambda p: p.name)
def test_flows_are_invalid(path: Path) -> None:
    if path.name in ("dag-notexist-task.yaml", "switch-invalid.yaml"):
        pytest.skip("the task type itself has to check this")
    parsed = parse_flow(path.read_bytes(), types=PermissiveTypes())
    assert parsed.flow is None
    assert all(problem.line for problem in parsed.errors)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("duplicate-inputs", "Duplicate input with name [first_input]"),
        ("duplicate-parallel", "Duplicate task id with name [t3]"),
        ("inputs-bad-type", "Invalid type: FOO"),
        ("inputs", "Invalid type: null"),
        ("recursive-flow", "Invalid Flow: Recursive call to flow [io.kestra.tests.recursive-flow]"),
    ],
)
def test_messages(name: str, message: str) -> None:
    source = (DATA / f"flows/invalids/{name}.yaml").read_bytes()
    parsed = parse_flow(source, types=PermissiveTypes())
    assert message in [problem.message for problem in parsed.errors]


def _cases() -> list[dict[str, Any]]:
    if not (DATA / "extra_cases.json").exists():
        return []
    cases = json.loads((DATA / "extra_cases.json").read_text(encoding="utf-8"))
    return [case for case in cases if case["kind"] == "inputs-resolution"]


def _evaluate(template: str, context: Mapping[str, Any]) -> Any:
    """Evaluate with the expression engine of the project."""
    expressions = pytest.importorskip("app.expressions")
    return expressions.compile_template(template).value(context, expressions.Environment())


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_inputs_are_resolved(case: dict[str, Any]) -> None:
    states = validate_inputs(
        declare(*case["inputs"]), case["data"], evaluate=_evaluate, variables=case.get("vars")
    )
    for expected in case["expect"]:
        (state,) = [state for state in states if state.input.id == expected["id"]]
        if "value" in expected:
            assert state.value == expected["value"]
        if "enabled" in expected:
            assert state.enabled is expected["enabled"]
        if "error" in expected:
            assert bool(state.errors) is expected["error"]
        if "rendered_values" in expected:
            assert state.input.values == expected["rendered_values"]  # type: ignore[attr-defined]
