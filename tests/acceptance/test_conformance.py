"""A fresh service against public facts about the flow language, where they are at hand."""

import re
from pathlib import Path

import pytest

from scripts.conformity import against_service

DATA = Path(__file__).parents[3] / "shared" / "conformance"
ENOUGH = 97.0
"""Percent of the entries that count; docs/compatibility.md explains each of the others."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA.name} data is not beside the project")
def test_flows_run_as_they_do_elsewhere() -> None:
    total = against_service(DATA)
    found = re.search(r"\(([0-9.]+) %", total)
    assert found is not None
    assert float(found[1]) >= ENOUGH, total
