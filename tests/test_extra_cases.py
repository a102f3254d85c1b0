"""The pure cases of the conformance data, where that data lies beside the project."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import extra

DATA = Path("../shared/conformance/extra_cases.json")


def cases() -> list[dict[str, Any]]:
    """Return all cases, none where there is no data."""
    return json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else []


@pytest.mark.skipif(not DATA.exists(), reason="the conformance data is not beside the project")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_case(case: dict[str, Any]) -> None:
    assert extra(case) is None
