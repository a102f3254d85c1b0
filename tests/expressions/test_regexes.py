"""Patterns: in linear time where possible, else with limits; never a process that hangs."""

import time

import pytest

from app.regexes import PatternError, PatternTooSlow, compiled

FOUND = [
    (r"a+b", "xaab", "aab"),
    (r"(?<=,)\w", "a,x", "x"),
    (r"\w(?=,)", "a,x", "a"),
    (r"(?<!a)b", "abb", "b"),
    (r"(a)\1", "aa", "aa"),
    (r"(?<n>a)\k<n>", "aa", "aa"),
    (r"a++b", "aab", "aab"),
    (r"(?>a+)b", "aab", "aab"),
    (r"(?<=\{)[^{}]*", "x{y}", "y"),
    (r"(?=\p{Lu})\w{2,3}", "aBcde", "Bcd"),
    (r"(?=x)y", "xy", None),
]


@pytest.mark.parametrize(("pattern", "text", "found"), FOUND)
def test_found(pattern: str, text: str, found: str | None) -> None:
    match = compiled(pattern).search(text)
    assert (match and match.group()) == found


REFUSED = [
    "(",
    "[",
    "a{99999}",
    "(?=a",
    "x" * 5_000,
    r"(?=a)(a{1000}){1000}",
    r"(?=(((a{100}){100}){100}){100})",
    r"(?=a)(a{0,100}){0,100}",
    r"(?=a)(a{100,}){100,}",
    r"(?R)(?=a)",
    r"((?1)|a)(?=b)",
    r"(?&x)(?=b)",
    r"(?P>x)(?=b)",
    r"(?=a)(?:foo){e<=100}",
    r"(?=a)\L<words>",
    "(?=a)" + "(" * 2_000,
    "(" * 900 + "(?=a)" + ")" * 900,
]


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: pattern[:30])
def test_refused(pattern: str) -> None:
    start = time.process_time()
    with pytest.raises(PatternError):
        compiled(pattern)
    assert time.process_time() - start < 1


HOSTILE = [
    (r"(a+)+$", "a" * 50_000 + "!"),
    (r"(?<=x)(a|a)*$", "x" + "a" * 300 + "b"),
    (r"(?=a)(\w+\s?)*$", "a " * 5_000 + "!"),
    (r"(?=a)" + "(.*)" * 8 + "[^a]", "a" * 60_000),
    (r"(?=a)(?:a?){300}a{3}x", "a" * 60_000),
    (r"(x+x+)+\1y", "x" * 5_000),
    (r"(?=a)a", "a" * 100_000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=lambda value: value[:20])
def test_hostile_patterns_come_to_an_end(pattern: str, text: str) -> None:
    start = time.process_time()
    for method in ("search", "fullmatch", "finditer"):
        try:
            result = getattr(compiled(pattern), method)(text)
            if method == "finditer":
                for _ in zip(range(10), result, strict=False):
                    pass
        except PatternTooSlow:
            pass
    assert time.process_time() - start < 2
