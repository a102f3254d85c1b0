"""What `headwater check` prints: for people, for programs, for GitHub, for code scanners."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app import __version__
from app.cli.printing import clean
from app.sync.findings import Found

Printer = Callable[[Sequence[Found]], None]


def text(found: Sequence[Found]) -> None:
    """Print a line each: `path:line:column: error CODE: message (fix)`."""
    for each in found:
        place = f"{each.path}:{each.line}:{each.column}" if each.line else each.path
        fix = f" ({each.fix})" if each.fix else ""
        print(clean(f"{place}: {each.severity} {each.code}: {each.message}{fix}"))


def json(found: Sequence[Found]) -> None:
    """Print a list of maps."""
    _print_json([_map(each) for each in found])


def _map(found: Found) -> dict[str, Any]:
    names = ("path", "line", "column", "severity", "code", "pointer", "message", "fix")
    return {name: getattr(found, name) for name in names}


def github(found: Sequence[Found]) -> None:
    """Print commands of a GitHub workflow, which become annotations of the files."""
    for each in found:
        level = "error" if each.is_error else "warning"
        properties = {"file": each.path, "title": each.code}
        if each.line:
            properties |= {"line": str(each.line), "col": str(each.column)}
        listed = ",".join(f"{name}={_escaped(value)}" for name, value in properties.items())
        message = f"{each.message} ({each.fix})" if each.fix else each.message
        print(f"::{level} {listed}::{_escaped(message, ':,')}")


def _escaped(value: str, kept: str = "") -> str:
    """Escape as the runner unescapes: its own signs, and what divides properties."""
    for sign in "%\r\n:,":
        if sign not in kept:
            value = value.replace(sign, f"%{ord(sign):02X}")
    return value


def sarif(found: Sequence[Found]) -> None:
    """Print SARIF 2.1.0, which code scanners read."""
    codes = sorted({each.code for each in found})
    driver = {
        "name": "headwater",
        "version": __version__,
        "rules": [{"id": code} for code in codes],
    }
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in found]}
    _print_json({"version": "2.1.0", "runs": [run]})


def _result(found: Found) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": found.path.replace("\\", "/")}}
    if found.line:
        location["region"] = {"startLine": found.line, "startColumn": max(found.column, 1)}
    return {
        "ruleId": found.code,
        "level": "error" if found.is_error else "warning",
        "message": {"text": f"{found.message} ({found.fix})" if found.fix else found.message},
        "locations": [{"physicalLocation": location}],
    }


def _print_json(value: Any) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


FORMATS: Mapping[str, Printer] = {"text": text, "json": json, "github": github, "sarif": sarif}
