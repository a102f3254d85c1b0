"""Writes the generated pages of docs/reference/; `--check` only says if they are up to date."""

import argparse
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.config import (
    Section,
    Settings,
    SourceSettings,
    secret_file_variable,
    secret_paths,
    variable,
)
from scripts.compatibility import compatibility

PAGES_FOLDER = Path(__file__).parent.parent / "docs" / "reference"
PLAIN_TYPES = {str: "text", int: "integer", float: "number", bool: "`true`, `false`"}

INTRODUCTION = """\
# Configuration

<!-- Written by scripts/docs from app/config; edit the descriptions there. -->

Every setting has a default that is safe for one process on one machine, so none has to be given.
A setting is taken from the first of these that has it:

1. a command-line flag (`headwater dev --port 9000`);
2. an environment variable, `HEADWATER_<SECTION>__<NAME>`;
3. the usual names `DATABASE_URL` (for `database.url`) and `PORT` (for `server.port`);
4. the YAML file named by `HEADWATER_CONFIG`, else `/etc/headwater/config.yaml`;
5. the default.

A secret may also come from a file, by the variable with `_FILE` at its end. Unknown sections and
names are refused at start. Settings are read once: a change needs a new start.

```yaml
# config.yaml
server:
  host: 0.0.0.0
git:
  repo: https://git.example.com/flows.git
  poll_seconds: 30
```
"""


def main() -> int:
    """Write or check every page; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if outdated")
    check = parser.parse_args().check
    outdated = [name for name, write in PAGES.items() if current(name) != write()]
    for name in outdated:
        if check:
            print(f"{shown(name)} is outdated; run scripts/docs", file=sys.stderr)
        else:
            (PAGES_FOLDER / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote {shown(name)}")
    return 1 if check and outdated else 0


def shown(name: str) -> str:
    """Return the place of a page, seen from the project."""
    return (
        f"docs/{name.removeprefix('../')}" if name.startswith("../") else f"docs/reference/{name}"
    )


def current(name: str) -> str | None:
    """Return a page as it is now; None if there is none."""
    file = PAGES_FOLDER / name
    return file.read_text(encoding="utf-8") if file.is_file() else None


def configuration_page() -> str:
    """Return the page on settings, one table a section."""
    parts = [INTRODUCTION, "## General\n", "\n".join(_table((), Settings.model_fields))]
    for name, field in Settings.model_fields.items():
        if section := _section(field):
            parts += [f"\n## {name}\n", f"{section.__doc__}\n"]
            parts.append("\n".join(_table((name,), section.model_fields)))
        elif section := _named_section(field):
            parts += [f"\n## {name}.&lt;id&gt;\n", f"{section.__doc__}\n"]
            parts.append("\n".join(_table((name, "<id>"), section.model_fields)))
    return "\n".join(parts) + "\n"


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _named_section(field: FieldInfo) -> type[Section] | None:
    """Return the section that a map holds by names of the operator's choice, if it has its own."""
    kind = get_args(field.annotation)[-1] if get_origin(field.annotation) is dict else None
    own = isinstance(kind, type) and issubclass(kind, Section) and kind is not SourceSettings
    return kind if own else None


def _table(path: tuple[str, ...], fields: dict[str, FieldInfo]) -> Iterator[str]:
    secrets = set(secret_paths(Settings))
    yield "| setting | meaning | values | default |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        if _section(field):
            continue
        full = (*path, name)
        names = f"`{'.'.join(full)}`<br>`{variable(full)}`"
        if full in secrets:
            names += f"<br>`{secret_file_variable(full)}`"
        yield f"| {names} | {field.description} | {_values(field)} | {_default(field)} |"


def _values(field: FieldInfo) -> str:
    bounds = [_bound(rule) for rule in field.metadata]
    return ", ".join([_type_name(field.annotation), *filter(None, bounds)])


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return _type_name(next(each for each in get_args(kind) if each is not type(None)))
    if get_origin(kind) is Annotated:
        return _type_name(get_args(kind)[0])
    if get_origin(kind) in (tuple, dict):
        return "JSON list" if get_origin(kind) is tuple else "JSON object"
    for base, name in ((Section, "JSON object"), (PurePath, "path"), (SecretStr, "secret")):
        if isinstance(kind, type) and issubclass(kind, base):
            return name
    return PLAIN_TYPES[kind]


def _bound(rule: Any) -> str:
    for attribute, text in (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}")):
        if (limit := getattr(rule, attribute, None)) is not None:
            return text.format(limit)
    if length := getattr(rule, "max_length", None):
        return f"at most {length}"
    return ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default == {}:
        return "none"
    match field.default:
        case None | "" | ():
            return "none"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case int() | float() as value:
            return f"`{value:g}`" if isinstance(value, float) else f"`{value}`{_size(value)}"
        case value:
            return f"`{value}`"


def _size(value: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size and value % size == 0 and value > 4096:
            return f" ({value // size} {unit})"
    return ""


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration_page,
    "../compatibility.md": compatibility,
}
"""The pages by their place, seen from docs/reference."""


if __name__ == "__main__":
    sys.exit(main())
