"""What people wrote stays text, in pull requests and in the names of branches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.git.names import check_ref_name
from app.ports.forges import MOST_TEXT
from app.sync.changesets.bodies import body, code, quoted
from app.sync.changesets.names import edit_branch, other_branch, revert_branch

ID = "0Vf3KqNn5bYb1CQ7cJkQ2a"


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("cc @acme/all", "@acme"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("<!-- headwater-plan v1 source=main -->", "<!--"),
        ("![](https://evil.example/x.png)", "]("),
        ("fixes #12", "#12"),
        ("> quoted\n# heading", "\n# heading"),
    ],
)
def test_words_mean_nothing(text: str, never: str) -> None:
    assert never not in quoted(text)
    assert quoted(text).startswith("> ")


def test_several_lines_stay_a_quotation() -> None:
    assert quoted(" a\n\nb ") == "> a\n>\n> b"
    assert quoted("") == ""


def test_code_cannot_be_left() -> None:
    assert code("a`b") == "``a`b``"
    assert code("a\nb") == "`a b`"
    assert code("") == ""


def test_a_body_is_never_too_long() -> None:
    text = body(["x" * 100_000, "y"], ID, "Ann `@all`")
    assert len(text) <= MOST_TEXT
    assert text.endswith("made with Headwater.")
    assert ID in text
    assert "… (cut)" in text
    assert "cut" not in body(["short", "", " "], ID, "Ann")


@given(st.text(max_size=80), st.text(max_size=80))
def test_branches_have_names_that_git_takes(user: str, flow: str) -> None:
    for branch in (
        edit_branch(user, ID),
        revert_branch("a" * 40, flow),
        other_branch(revert_branch("a" * 64, flow), ID),
    ):
        assert check_ref_name(branch) == branch
        assert branch.startswith("headwater/")
        assert branch.isascii()


def test_branches_tell_what_they_are() -> None:
    assert edit_branch("Ann Ö. Bee", "1") == "headwater/ann-bee/1"
    assert edit_branch("李", "1") == "headwater/somebody/1"
    assert revert_branch("abcdef0123", "My.Flow") == "headwater/revert/abcdef01-my-flow"
    assert revert_branch("abcdef0123") == "headwater/revert/abcdef01"
