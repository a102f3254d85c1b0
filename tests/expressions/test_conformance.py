"""Runs the public conformance cases of the language, where they lie beside the repository."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance import render

FOLDER = Path(__file__).parents[3] / "shared" / "conformance"
CASES = FOLDER / "pebble_cases.json"

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason="the folder ../shared/conformance with the public cases is not here"
)


def _cases() -> list[dict[str, Any]]:
    return json.loads(CASES.read_text("utf-8")) if CASES.exists() else []


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_conformance", FOLDER / "run_conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_case(case: dict[str, Any], harness: ModuleType) -> None:
    harness.run_pebble(render, case)
