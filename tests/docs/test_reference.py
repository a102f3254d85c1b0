"""The generated pages are up to date, and every setting does something."""

import re
from pathlib import Path

import pytest

from app.config import Settings
from scripts.reference import PAGES, current

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert current(name) == PAGES[name](), "run scripts/docs"


def test_every_setting_is_read_somewhere() -> None:
    # By way of the properties `accepted_secrets` and `rewrites`.
    read = {"hook_secret", "hook_secrets", "production", "on_force_push"}
    for file in (ROOT / "app").rglob("*.py"):
        if "config" not in file.parts:
            read |= set(re.findall(r"\.(\w+)", file.read_text()))
    unread = [
        f"{section}.{name}"
        for section, field in Settings.model_fields.items()
        for name in getattr(field.annotation, "model_fields", {})
        if name not in read
    ]
    assert unread == []
