"""Who must look at which paths."""

import pytest

from app.git.codeowners import Owners, owners_at
from app.git.mirror import Mirror
from tests.git.scratch import Scratch

TEXT = """\ufeff# everybody
*                       @acme/data        # a remark
/tenants/shop/          @ann @bob
*.sql                   @dba mail@example.org
/docs/*                 @writer
/with\\ blank/          @blank
/tenants/shop/free/
[Section] @nobody
!/tenants/              @nobody
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README.md", ("acme/data",)),
        ("tenants/shop/namespaces/x/flows/a.yaml", ("ann", "bob")),
        ("tenants/shop/namespaces/x/files/q.sql", ("dba",)),
        ("docs/a.md", ("writer",)),
        ("docs/deep/a.md", ("acme/data",)),
        ("with blank/a", ("blank",)),
        ("tenants/shop/free/a.yaml", ()),
    ],
)
def test_the_last_match_counts(path: str, owners: tuple[str, ...]) -> None:
    assert Owners(TEXT).of(path) == owners


def test_several_paths_and_who_asks() -> None:
    owners = Owners("* @a @b\n/x/ @B2 @c\n")
    assert owners.of_all(["x/1", "y"], but="b2") == ("c", "a", "b")
    many = Owners("* " + " ".join(f"@u{number}" for number in range(40)))
    assert len(many.of_all(["a"])) == 15
    assert Owners("").of_all(["a"]) == ()
    assert Owners("a( @x\n\\ @y\n").of("b") == ()


def test_where_the_file_lies(mirror: Mirror, scratch: Scratch) -> None:
    last = scratch.commit({"docs/CODEOWNERS": b"* @docs\n", "flows/CODEOWNERS": b"* @root\n"})
    mirror.fetch()
    assert owners_at(mirror.objects, last).of("a") == ("docs",)
    first = scratch.commit({".github/CODEOWNERS": b"* @github\n", "CODEOWNERS": b"* @top\n"})
    mirror.fetch()
    assert owners_at(mirror.objects, first).of("a") == ("github",)
    none = scratch.commit({"docs/CODEOWNERS": None, ".github/CODEOWNERS": None, "CODEOWNERS": None})
    mirror.fetch()
    assert owners_at(mirror.objects, none, "flows").of("a") == ("root",)
    assert owners_at(mirror.objects, none).of("a") == ()
