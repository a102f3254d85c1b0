"""What every test of the command line has: contexts of its own, not those of who runs it."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep contexts in a folder of this test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
