"""SOPS documents in YAML as SOPS lays them out: four spaces, comments on lines of their own."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from app.secrets.scalars import float_text, plain_scalar
from app.secrets.tree import Branch, Comment, Leaf, Timestamp, Value

_INDENT: Final = 4
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./@+=,;()<>-]*(?: [A-Za-z0-9_./@+=,;()<>-]+)*")
_ENCRYPTED: Final = re.compile(r"ENC\[AES256_GCM,[A-Za-z0-9+/=,:_]+\]")
_OLD_BOOLEANS: Final = frozenset(("y", "n", "yes", "no", "on", "off"))
"""What readers of YAML 1.1 would take for booleans."""
_UNPRINTABLE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_NO_BLOCK: Final = re.compile(_UNPRINTABLE.pattern + r"|[\x00-\x08\x0b-\x1f]")


def write_yaml(documents: Iterable[Branch]) -> str:
    """Return documents as a YAML text."""
    return "---\n".join(_document(each) for each in documents)


def _document(branch: Branch) -> str:
    lines = list(_branch(branch, 0))
    if not any(True for _ in branch.items()):
        lines.append("{}")
    return "\n".join(lines) + "\n"


def _branch(branch: Branch, indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, value in branch.entries:
        if isinstance(key, Comment):
            yield from _comment(key, pad)
        else:
            yield from _entry(f"{pad}{_key(key)}:", value, indent)


def _comment(comment: Comment, pad: str) -> Iterator[str]:
    for line in comment.text.splitlines() or [""]:
        yield f"{pad}#{line}"


def _entry(start: str, value: Value, indent: int) -> Iterator[str]:
    """Yield the lines of a value behind a key."""
    if isinstance(value, Branch) and value.entries:
        yield start
        yield from _branch(value, _deeper(indent))
        if not any(True for _ in value.items()):
            yield " " * _deeper(indent) + "{}"
    elif isinstance(value, tuple) and value:
        yield start
        yield from _list(value, _deeper(indent))
    else:
        yield from _hanging(f"{start} ", value, _deeper(indent))


def _deeper(indent: int) -> int:
    """Return the next multiple of four."""
    return (indent // _INDENT + 1) * _INDENT


def _list(items: tuple[Value, ...], indent: int) -> Iterator[str]:
    pad = " " * indent
    for item in items:
        if isinstance(item, Comment):
            yield from _comment(item, pad)
        elif isinstance(item, Branch) and any(True for _ in item.items()):
            yield from _dashed(_branch(item, indent + 2), indent)
        elif isinstance(item, tuple) and any(not isinstance(each, Comment) for each in item):
            yield from _dashed(_list(item, indent + 2), indent)
        else:
            yield from _hanging(f"{pad}- ", item, _deeper(indent))
    if items and all(isinstance(item, Comment) for item in items):
        yield f"{pad}[]"


def _dashed(lines: Iterator[str], indent: int) -> Iterator[str]:
    """Yield the lines of an item, the first that is no comment with a dash."""
    waiting = True
    for line in lines:
        if waiting and not line.lstrip().startswith("#"):
            waiting = False
            yield f"{line[:indent]}- {line[indent + 2 :]}"
        elif waiting:
            yield line[2:]
        else:
            yield line


def _hanging(start: str, value: Value, indent: int) -> Iterator[str]:
    """Yield a scalar, or an empty map or list, behind a key or dash."""
    if isinstance(value, Branch):
        yield start + "{}"
    elif isinstance(value, tuple):
        yield start + "[]"
    elif isinstance(value, str) and _is_block(value):
        yield from _block(start, value, indent)
    else:
        yield start + _scalar(value)


def _is_block(text: str) -> bool:
    return (
        "\n" in text.rstrip("\n")
        and not text.endswith("\n\n")
        and text[0] not in " \t\n"
        and not _NO_BLOCK.search(text)
        and not any(line and not line.strip() for line in text.split("\n"))
    )


def _block(start: str, text: str, indent: int) -> Iterator[str]:
    """Yield a text of several lines; those without characters get no indentation."""
    yield start + ("|" if text.endswith("\n") else "|-")
    for line in text.removesuffix("\n").split("\n"):
        yield " " * indent + line if line else ""


def _key(key: str) -> str:
    return _quoted(key)


def _scalar(value: Leaf | Comment) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Timestamp):
        return value.text
    return "null" if value is None else str(value)


def _float(number: float) -> str:
    text = float_text(number)
    special = {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}
    if text in special:
        return special[text]
    return text if "." in text else f"{text}.0"


def _quoted(text: str) -> str:
    """Return a text so that every reader takes it for that text."""
    if _ENCRYPTED.fullmatch(text):
        return text
    if _PLAIN.fullmatch(text) and text.lower() not in _OLD_BOOLEANS and plain_scalar(text) == text:
        return text
    return _UNPRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
