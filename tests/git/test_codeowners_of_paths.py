"""CODEOWNERS by GitHub's rules."""

import pytest

from app.git.codeowners import Owners

TEXT = r"""
# who owns what
*               @all            # everything else
*.sql           @data ann@example.org
/docs/          @writers
apps/*          @apps
/only\ this     @space
/free/
!/negated       @nobody
[Section][2] @sectioned
tests/
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("a/b.yaml", ("@all",)),
        ("a/b.sql", ("@data", "ann@example.org")),
        ("docs/x/y.sql", ("@writers",)),
        ("other/docs/x.yaml", ("@all",)),
        ("apps/one.txt", ("@apps",)),
        ("apps/deep/one.txt", ("@all",)),
        ("only this", ("@space",)),
        ("free/x", ()),
        ("negated", ("@all",)),
        ("a/tests/b.yaml", ("@sectioned",)),
    ],
)
def test_the_last_match_counts(path: str, owners: tuple[str, ...]) -> None:
    assert Owners(TEXT).written(path) == owners


def test_owners_of_many_paths() -> None:
    found = Owners("* @b\nx @a @b\n").by_owner(["y", "x", "x"])
    assert found == {"@a": ("x",), "@b": ("x", "y")}
    assert Owners().by_owner(["x"]) == {}
