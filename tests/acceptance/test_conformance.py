"""A fresh service against public facts about the flow language, where they are at hand."""

from pathlib import Path

import pytest

from scripts.compatibility import SOURCE, Compatibility
from scripts.conformity import against_service

DATA = Path(__file__).parents[3] / "shared" / "conformance"
ENOUGH = 97.0
"""Percent of the entries that count; docs/compatibility.md explains each of the others."""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA.name} data is not beside the project")
def test_flows_run_as_they_do_elsewhere() -> None:
    outcome = against_service(DATA)
    told = Compatibility(SOURCE.read_text(encoding="utf-8")).remaining
    assert set(outcome.failed) <= set(told), "not explained in docs/compatibility.yaml"
    assert outcome.share >= ENOUGH, outcome.total
