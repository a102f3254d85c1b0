"""Patterns of paths."""

import pytest

from app.flows.globs import matcher, selection


@pytest.mark.parametrize(
    ("pattern", "path", "top", "anywhere"),
    [
        ("a.txt", "a.txt", True, True),
        ("a.txt", "x/a.txt", False, True),
        ("/a.txt", "x/a.txt", False, False),
        ("/a.txt", "a.txt", True, True),
        ("*.txt", "a.txt", True, True),
        ("*.txt", "x/a.txt", False, False),
        ("**.txt", "x/a.txt", True, True),
        ("**/*.txt", "a.txt", True, True),
        ("**/*.txt", "x/y/a.txt", True, True),
        ("x/**", "x/y/a.txt", True, True),
        ("x/**", "w/x/a.txt", False, True),
        ("x/*", "x/y/a.txt", False, False),
        ("glob:a.txt", "x/a.txt", False, False),
        ("a.{txt,csv}", "a.csv", True, True),
        ("a.{txt,csv}", "a.txtcsv", False, False),
        ("[a-c]?.txt", "bz.txt", True, True),
        ("[!a-c].txt", "d.txt", True, True),
        ("[!a-c].txt", "a.txt", False, False),
        ("a+(b).txt", "a+(b).txt", True, True),
        (r"\*.txt", "*.txt", True, True),
        (r"\*.txt", "a.txt", False, False),
        (r"regex:x/[0-9]+", "x/12", True, True),
        ("./out/*", "out/a", True, True),
    ],
)
def test_a_pattern(pattern: str, path: str, top: bool, anywhere: bool) -> None:
    assert matcher([pattern])(path) is top
    assert matcher([pattern], anywhere=True)(path) is anywhere


@pytest.mark.parametrize("pattern", ["[a", "{a", "a}", "{a,{b}}", "regex:("])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|expression|closed"):
        matcher([pattern])


def test_a_selection() -> None:
    chosen = selection(["scripts/**"], ["*.pyc", "secret.py"])
    assert chosen("scripts/a.py")
    assert not chosen("a.py")
    assert not chosen("scripts/secret.py")
    assert selection([])("anything")
