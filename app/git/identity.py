"""A flow's `id` and `namespace` out of its text, without reading YAML.

For old history: 22,000 blobs take well under a second, where parsing takes minutes. The answer is
the one that a YAML parser would give for a document without errors, or None where that is not
certain from the lines alone.
"""

import re
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_KEY = rb"^(?:id|'id'|\"id\")[ \t]*:(?=[ \t\r\n]|\Z)"
_NAMESPACE_KEY = _KEY.replace(b"id", b"namespace")
_VALUE = (
    rb"[ \t]+(?:(?P<plain>[A-Za-z0-9_][A-Za-z0-9._-]*)"
    rb"|'(?P<single>[^'\r\n]*)'|\"(?P<double>[^\"\\\r\n]*)\")"
    rb"[ \t]*(?:[ \t]#[^\r\n]*)?(?=\r?\n|\Z)"
    # The next line with anything on it must not go on with a plain value.
    rb"(?=(?:\r?\n[ \t]*(?=\r?\n|\Z))*(?:\r?\n(?![ \t\r\n])|\Z))"
)
_ID = re.compile(_KEY, re.MULTILINE)
_NAMESPACE = re.compile(_NAMESPACE_KEY, re.MULTILINE)
_ID_VALUE = re.compile(_KEY + _VALUE, re.MULTILINE)
_NAMESPACE_VALUE = re.compile(_NAMESPACE_KEY + _VALUE, re.MULTILINE)
# Directives, a second document, complex keys, merges and anchors of the document, flow mappings
# and tabs: all legal, all rare, all left to a parser.
_UNSURE = re.compile(
    rb"^(?:%|\.\.\.|\?[ \t\r\n]|<<|[&!*{\[|>\t\"'](?!id['\"]|namespace['\"]))", re.MULTILINE
)
# A lone CR, NEL, LS and PS end a line for some parsers and not for others.
_ODD_BREAKS = re.compile(rb"\0|\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]")
_DOCUMENT = re.compile(rb"^---(?=[ \t\r\n]|\Z)[ \t]*(?P<rest>[^\r\n]*)", re.MULTILINE)
_QUOTE = re.compile(rb"[\"']")
# What YAML 1.2 and its users may take for something else than text.
_NOT_TEXT = re.compile(rb"(?i:true|false|null|yes|no|on|off|y|n|\.nan|[-+]?\.inf)\Z|[0-9._+-]")


class Identity(NamedTuple):
    """What a flow calls itself; `namespace` None: the text has none, its folder decides."""

    flow_id: str
    namespace: str | None


def identify(source: bytes) -> Identity | None:
    """Return the flow's identity, None when it has no `id` or when only a parser can tell."""
    text = source.removeprefix(_BOM)
    if _UNSURE.search(text) or _ODD_BREAKS.search(text) or not _is_one_document(text):
        return None
    flow_id = _only(text, _ID, _ID_VALUE)
    if not flow_id:
        return None
    if _NAMESPACE.search(text) is None:
        return Identity(flow_id, None)
    namespace = _only(text, _NAMESPACE, _NAMESPACE_VALUE)
    return Identity(flow_id, namespace) if namespace else None


def _only(text: bytes, key: re.Pattern[bytes], value: re.Pattern[bytes]) -> str | None:
    """Return the value of the key's only occurrence at the left margin."""
    places = key.finditer(text)
    first = next(places, None)
    if first is None or next(places, None) is not None:
        return None
    found = value.match(text, first.start())
    if found is None or _inside_quotes(text[: first.start()]):
        return None
    if (plain := found["plain"]) is not None:
        return None if _NOT_TEXT.match(plain) else plain.decode()
    quoted = found["single"] if found["single"] is not None else found["double"]
    return quoted.decode() if quoted.isascii() and quoted.strip() else None


def _inside_quotes(before: bytes) -> bool:
    """Return whether a quoted text of several lines may be open: some line has an odd quote."""
    if _QUOTE.search(before) is None:
        return False
    return any(line.count(b'"') % 2 or line.count(b"'") % 2 for line in before.splitlines())


def _is_one_document(text: bytes) -> bool:
    """Return whether at most one `---` stands before everything but comments."""
    marks = list(_DOCUMENT.finditer(text))
    if not marks:
        return True
    before = text[: marks[0].start()].splitlines()
    rest = marks[0]["rest"]
    starts = all(not line.strip() or line.startswith(b"#") for line in before)
    return len(marks) == 1 and starts and (not rest or rest.startswith(b"#"))
