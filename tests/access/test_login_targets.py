"""Where a login may lead: pages of this service only, whatever a browser makes of the text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.oidc import Identity, groups_of, identity_of, is_local


def as_browsers_read(target: str) -> str:
    """What the URL standard makes of a relative address before it looks at it."""
    stripped = target.strip("".join(map(chr, range(0x21))))
    return re.sub(r"[\t\n\r]", "", stripped).replace("\\", "/")


@pytest.mark.parametrize(
    "target",
    ["/", "/flows", "/flows/main?x=1&y=//z#//w", "/https://here", "/%5cevil.example", "/ü"],
)
def test_pages_here(target: str) -> None:
    assert is_local(target)


@pytest.mark.parametrize(
    "target",
    [
        "", "flows", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "https://evil.example", "https:evil.example", "javascript:alert(1)", "/\t/evil.example",
        "/\n/evil.example", "/\r\n/evil.example", "\t//evil.example", " //evil.example",
        "/ /evil.example", "/\x00/evil.example", "/a\\b", "/a\r\nSet-Cookie: x=y", "/\x85/x",
        "/\u2028/x", "@evil.example", "/" + "a" * 3_000,
    ],
)  # fmt: skip
def test_pages_elsewhere(target: str) -> None:
    assert not is_local(target)


@given(st.text(alphabet="/\\\t\n\r a.:@?#%\x00\x0b\u2028h"))
def test_no_text_leads_elsewhere(target: str) -> None:
    if is_local(target):
        assert re.match(r"/(?!/)", as_browsers_read(target))
        assert target == as_browsers_read(target)


def test_names_are_cleaned() -> None:
    claims = {
        "iss": "i", "sub": "s", "name": "Ann\x1b[31m  Lee ", "email": 7,
        "preferred_username": "ann" * 100,
    }  # fmt: skip
    found = identity_of("company", claims, ())
    assert found == Identity("i", "s", f"company:{('ann' * 100)[:200]}", "", "Ann[31m", "Lee")
    assert identity_of("company", {"iss": "i", "sub": "s"}, ()).username == "company:s"


def test_groups_are_mapped_by_name() -> None:
    names = {"a": "one", "b": "one", "c": ""}
    assert groups_of(["a", "b", "c", "d", 1], names, keep=False) == ("one",)
    assert groups_of("d", names, keep=True) == ("d",)
    assert groups_of(None, names, keep=True) == ()
    assert len(groups_of([str(n) for n in range(5_000)], {}, keep=True)) == 1_000
