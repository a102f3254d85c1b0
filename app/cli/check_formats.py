"""What `headwater check` prints: for people, for programs, for GitHub, for code scanners."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from app import __version__
from app.cli.printing import clean


class Finding(NamedTuple):
    """Something wrong in a file. Line and column count from 1; 0 is unknown."""

    path: Path
    code: str
    severity: str
    message: str
    fix: str = ""
    pointer: str = ""
    line: int = 0
    column: int = 0

    @property
    def is_error(self) -> bool:
        """Whether the file cannot be used."""
        return self.severity == "error"

    @property
    def text(self) -> str:
        """What is wrong with what, and the way out."""
        dotted = self.pointer.strip("/").replace("/", ".")
        is_said = not dotted or self.message.startswith(f"{dotted}:")
        head = self.message if is_said else f"{self.pointer}: {self.message}"
        return f"{head} ({self.fix})" if self.fix else head


Printer = Callable[[Sequence[Finding]], None]


def text(found: Sequence[Finding]) -> None:
    """Print a line each: `path:line:column: error CODE: message (fix)`."""
    for each in found:
        place = f"{each.path}:{each.line}:{each.column}" if each.line else each.path
        print(clean(f"{place}: {each.severity} {each.code}: {each.text}"))


def json(found: Sequence[Finding]) -> None:
    """Print a list of maps."""
    _print_json([_map(each) for each in found])


def _map(found: Finding) -> dict[str, Any]:
    names = ("line", "column", "severity", "code", "pointer", "message", "fix")
    return {"path": str(found.path), **{name: getattr(found, name) for name in names}}


def github(found: Sequence[Finding]) -> None:
    """Print commands of a GitHub workflow, which become annotations of the files."""
    for each in found:
        level = "error" if each.is_error else "warning"
        properties = {"file": str(each.path), "title": each.code}
        if each.line:
            properties |= {"line": str(each.line), "col": str(each.column)}
        listed = ",".join(f"{name}={_escaped(value)}" for name, value in properties.items())
        print(f"::{level} {listed}::{_escaped(each.text, ':,')}")


def _escaped(value: str, kept: str = "") -> str:
    """Escape as the runner unescapes: its own signs, and what divides properties."""
    for sign in "%\r\n:,":
        if sign not in kept:
            value = value.replace(sign, f"%{ord(sign):02X}")
    return value


def sarif(found: Sequence[Finding]) -> None:
    """Print SARIF 2.1.0, which code scanners read."""
    codes = sorted({each.code for each in found})
    driver = {
        "name": "headwater",
        "version": __version__,
        "rules": [{"id": code} for code in codes],
    }
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in found]}
    _print_json({"version": "2.1.0", "runs": [run]})


def _result(found: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": found.path.as_posix()}}
    if found.line:
        location["region"] = {"startLine": found.line, "startColumn": max(found.column, 1)}
    return {
        "ruleId": found.code,
        "level": "error" if found.is_error else "warning",
        "message": {"text": found.text},
        "locations": [{"physicalLocation": location}],
    }


def gitlab(found: Sequence[Finding]) -> None:
    """Print a report of code quality, which GitLab shows in merge requests."""
    seen: dict[str, int] = {}
    _print_json([_issue(each, seen) for each in found])


def _issue(found: Finding, seen: dict[str, int]) -> dict[str, Any]:
    """Return one issue; its fingerprint stays the same when lines above it come and go."""
    about = "\0".join((found.path.as_posix(), found.code, found.pointer, found.message))
    number = seen[about] = seen.get(about, 0) + 1
    return {
        "description": found.text,
        "check_name": found.code,
        "fingerprint": hashlib.sha256(f"{about}\0{number}".encode()).hexdigest(),
        "severity": "major" if found.is_error else "minor",
        "location": {"path": found.path.as_posix(), "lines": {"begin": max(found.line, 1)}},
    }


def _print_json(value: Any) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


FORMATS: Mapping[str, Printer] = {
    "text": text,
    "json": json,
    "github": github,
    "sarif": sarif,
    "gitlab": gitlab,
}
