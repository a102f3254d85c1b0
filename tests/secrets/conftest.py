from pathlib import Path

import pytest

from tests.secrets.sops import Sops


@pytest.fixture
def sops(tmp_path: Path) -> Sops:
    return Sops(tmp_path)
