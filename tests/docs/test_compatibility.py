"""The page on compatibility says what the code has, and every gap has a reason."""

import pytest

from app.expressions import Environment, compile_template
from scripts.compatibility import SOURCE, Compatibility

TOLD = Compatibility(SOURCE.read_text(encoding="utf-8"))


def test_every_gap_has_a_reason_and_no_note_is_stale() -> None:
    assert TOLD.faults() == []


@pytest.mark.parametrize("section", ["operators", "tags"])
def test_operators_and_tags_do_what_the_page_says(section: str) -> None:
    for name, (template, expected) in TOLD.names[section].items():
        assert compile_template(template).render({}, Environment()) == expected, name
