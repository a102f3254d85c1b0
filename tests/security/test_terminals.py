"""What the command line prints cannot speak to a terminal (security case 93)."""

import sys
from typing import Any

import pytest

from app.cli import printing
from app.cli.outcome import CommandError
from app.cli.printing import Table, clean, data, progress, show
from app.cli.tree import run

HOSTILE = [
    "\x1b]0;owned\x07", "\x1b[2J", "\x1b]52;c;ZXZpbA==\x07", "\x9b31m", "\x9d0;x\x9c",
    "\x1bP+q\x1b\\",
    "a\rb", "a\bb", "\x00", "\x7f", "\u202egpj", "\u2066x", "\x85", "\x0b", "\x1b(0",
]  # fmt: skip
ALLOWED = frozenset("\n\t")


def harmless(text: str) -> bool:
    return all(each.isprintable() or each in ALLOWED for each in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_93_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = clean(f"a {text} b")
    assert harmless(shown)
    assert shown.startswith("a ")
    assert shown.endswith(" b")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("output", ["table", "json", "yaml", "name"])
def test_93_in_every_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, output: Any
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(printing, "colored", lambda *_: False)
    show({"name": text}, output, names=[text], table=Table(("A",), [(text,)]))
    data(text)
    progress(text)
    captured = capsys.readouterr()
    assert harmless(captured.out + captured.err)


def test_93_what_is_piped_is_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    data("\x1b[2J\n", end="")
    assert capsys.readouterr().out == "\x1b[2J\n"


def test_93_messages_of_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CommandError("no \x1b[2J")

    monkeypatch.setattr("app.cli.tree.tree", lambda: fail)
    assert run(["version"]) == 1
    assert harmless(capsys.readouterr().err)
