"""What others wrote stays text in checks and comments (security case 63)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.sync.planning.markdown import fenced
from app.sync.review.texts import clean, cut, table, titled

HOSTILE = [
    "@acme/everybody look",
    "![x](https://tracker.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "``` \n@team\n# big",
    "a | b | c",
    "line\n\n# heading",
    "`" * 9 + " out",
    "[click](javascript:alert(1))",
    "<!-- headwater-plan v1 source=main -->",
    "\u202egnp.exe",
]


def kinds(markdown: str) -> set[str]:
    """Return the kinds of what a Markdown reader finds, without those of plain text."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    found: set[str] = set()
    for token in reader.parse(markdown):
        found.add(token.type)
        found |= {child.type for child in token.children or ()}
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_stays_a_cell(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(table(("A", "B"), [(text, "ok")]))
    assert sum(token.type == "td_open" for token in tokens) == 2
    assert kinds(table(("A", "B"), [(text, "ok")])) & {"image", "link_open", "html_block"} == set()


@given(st.text(), st.integers(100, 400))
def test_a_page_never_gets_longer_than_it_may(text: str, most: int) -> None:
    assert len(cut(f"{fenced(text)}\n" * 3, "tail", most)) <= most


def test_control_characters_are_shown_as_such() -> None:
    assert clean("a\x1b[31mb\u202ec") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c"


def test_long_lines_are_cut() -> None:
    assert titled("a\nb" * 500).endswith("…")
    assert len(titled("x" * 500)) == 120


def test_a_page_is_cut_between_lines_and_its_fence_closed() -> None:
    page = "head\n" + fenced("\n".join(f"line {n}" for n in range(1_000)))
    short = cut(page, "[more](https://x)", most=500)
    assert len(short) <= 500
    assert short.endswith("[more](https://x)")
    assert kinds(short) >= {"fence", "link_open"}
    assert cut("short", "tail") == "short"
