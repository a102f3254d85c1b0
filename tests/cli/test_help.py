"""Every command tells what it does."""

from collections.abc import Iterator

import pytest
from cyclopts import App

from app.cli.tree import run, tree


def undescribed(
    app: App, path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[str, ...]]:
    """Yield the commands at and below `path` that the help of their group lists without words.

    Help is asked for before a command is looked up: that imports it, and with it its docstring.
    """
    assert run([*path, "--help"]) == 0
    lines = {line.strip("│ ") for line in capsys.readouterr().out.splitlines()}
    names = [each for each in app if not each.startswith("-")]
    yield from ((*path, name) for name in names if name in lines)
    for name in names:
        below = app[name]
        if any(not each.startswith("-") for each in below):
            yield from undescribed(below, (*path, name), capsys)


def test_every_command_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(undescribed(tree(), (), capsys)) == []
