"""Printing: data to stdout as table, JSON, YAML or names; progress to stderr."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from app.cli.options import Format

_COLORS = {
    "SUCCESS": "green",
    "WARNING": "yellow",
    "FAILED": "red",
    "KILLED": "red",
    "RUNNING": "cyan",
    "PAUSED": "magenta",
}

Row = Sequence[Any]


def clean(text: str) -> str:
    """Return a text without control characters, which a terminal might obey."""
    if text.isprintable():
        return text
    kept = ("\n", "\t")
    return "".join(c if c.isprintable() or c in kept else f"\\x{ord(c):02x}" for c in text)


def data(text: str, end: str = "\n") -> None:
    """Print data as it is; on a terminal, so that it can do nothing there."""
    print(clean(text) if sys.stdout.isatty() else text, end=end)


def colored(stream: Any = None) -> bool:
    """Whether colours are wanted: on a terminal, unless `NO_COLOR`; always with `FORCE_COLOR`."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stdout).isatty()


def progress(text: str) -> None:
    """Tell people what happens."""
    print(clean(text), file=sys.stderr, flush=True)


def show(value: Any, output: Format, *, names: Sequence[str], table: "Table") -> None:
    """Print data in the wanted form; `names` is what `-o name` prints, one a line."""
    match output:
        case "json":
            import orjson

            data(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
        case "yaml":
            import yaml

            data(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), end="")
        case "name":
            for name in names:
                print(clean(name))
        case "table":
            table.print()


class Table:
    """Rows under headings: bordered by nothing, never cut off when it is not for a terminal."""

    def __init__(self, headings: Sequence[str], rows: Sequence[Row]) -> None:
        """Make the table; values are shown as texts, None as nothing."""
        self._headings = headings
        self._rows = [["" if cell is None else clean(str(cell)) for cell in row] for row in rows]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Table":
        """Make a table of names and values, without headings; empty values are left out."""
        return cls((), [(f"{name}:", value) for name, value in facts.items() if value])

    def print(self) -> None:
        """Print it."""
        if colored():
            self._print_rich()
            return
        lines = [list(self._headings), *self._rows] if self._headings else self._rows
        if not lines:
            return
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            print("  ".join(cells).rstrip())

    def _print_rich(self) -> None:
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=None, pad_edge=False, show_header=bool(self._headings))
        count = len(self._headings) or (len(self._rows[0]) if self._rows else 0)
        for column in range(count):
            heading = self._headings[column] if self._headings else ""
            table.add_column(heading, overflow="fold")
        for row in self._rows:
            table.add_row(*(Text(cell, style=_COLORS.get(cell, "")) for cell in row))
        Console().print(table)


_PART = re.compile(r"([\d.]+)([HMS])")


def seconds(duration: str) -> str:
    """Return a duration of the API (`PT1M2.504117S`) as people read it (`1m 2.504s`)."""
    parts = [
        f"{float(number):.3f}s" if unit == "S" else f"{number}{unit.lower()}"
        for number, unit in _PART.findall(duration)
    ]
    return " ".join(parts)


def moment(text: str | None) -> str:
    """Return a time of the API to the second."""
    return (text or "")[:19].replace("T", " ")
