"""Java regular expressions without the risk of hanging."""

import time

import pytest

from app.flows.patterns import check_pattern, full_match


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"A\d+", "A12", True),
        (r"A\d+", "xA12", False),
        (r"^A\d+$", "A12", True),
        ("", "", True),
        (r"\p{L}+", "é", True),
        (r"(?<year>\d{4})", "2024", True),
        (r"(?=.*[A-Z])(?=.*\d).{4,}", "abC1", True),
        (r"^(?=.*[A-Z])(?=.*\d).{4,}$", "abc1", False),
        (r"^(?!admin)[a-z]+$", "user", True),
        (r"^(?!admin)[a-z]+$", "administrator", False),
        (r"^(?=[)(]+)(?=\))..$", ")(", True),
        (r"(?=a", "a", None),
        (r"(?<c>[a-z])\k<c>", "aa", True),
        (r"([a-z])\1", "aa", True),
        (r"a(?=b)b", "ab", True),
        (r"(a|b", "a", None),
        ("[", "a", None),
    ],
)
def test_matching(pattern: str, text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="is not a regular expression"):
            check_pattern(pattern)
    else:
        check_pattern(pattern)
        assert full_match(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 50_000 + "!"),
        ("(a|aa)*b", "a" * 50_000),
        ("^(?=(a+)+$)(a|aa)+$", "a" * 5_000 + "!"),
        (r"(x)(a+)+\1", "xa" * 1_000),
    ],
)
def test_hostile_patterns_come_to_an_end(pattern: str, text: str) -> None:
    start = time.process_time()
    assert not full_match(pattern, text)
    assert time.process_time() - start < 2
