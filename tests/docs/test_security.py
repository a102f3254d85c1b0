"""The security page: every test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_it_names_tests() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text()


# Those of the threat model: webhooks, calls, expressions, documents, repositories, pull requests,
# secrets, tenants, logins, files, programs, floods, operation.
CASES = (
    1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18, 20, 21, 23, 25, 26, 28, 30, 31, 33, 35, 36, 38, 40, 41,
    43, 45, 46, 48, 50, 51, 53, 55, 56, 58, 60, 61, 63, 65, 66, 68, 70, 71, 73, 75, 76, 78, 80, 81,
    83, 85, 86, 88, 90, 91, 93, 95, 96, 98, 100, 101, 103, 105, 106, 108, 110, 111, 113, 115, 116,
    118, 120, 121,
)  # fmt: skip


def test_every_case_has_a_test_or_a_reason() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    told = {int(number) for row in rows for group in _numbers(row) for number in group}
    assert sorted(set(CASES) - told) == []
    tables = PAGE.partition("## Cases that do not apply")[0]
    shown = {
        int(number)
        for row in tables.splitlines()
        if row.startswith("|") and "`tests/" in row
        for group in _numbers(row)
        for number in group
    }
    assert sorted(set(CASES) - shown) == [105, 106]


def _numbers(row: str) -> list[list[str]]:
    return [re.findall(r"\d+", group) for group in re.findall(r"\((?:part of )?([\d, ]+)\)", row)]
