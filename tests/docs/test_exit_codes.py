"""The table of exit codes in the contract."""

import re
from pathlib import Path

from app.cli import outcome

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def test_it_has_every_code_and_no_other() -> None:
    table = CONTRACT.read_text(encoding="utf-8").partition("## Exit codes of commands")[2]
    codes = {value for name, value in vars(outcome).items() if name.isupper() and name[0] != "_"}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes
