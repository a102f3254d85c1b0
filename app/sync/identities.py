"""Which flow a document is, also where it has errors."""

import re

from app.flows.parse import parse_flow
from app.flows.typenames import Types
from app.flows.yaml import YamlError, decode, load
from app.git.identity import identify

_FLOW_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}\Z")


def flow_id_in(source: bytes, types: Types) -> str | None:
    """Return the id that a flow's document tells, None when it tells none that may be."""
    found = identify(source)
    name = found.flow_id if found else _parsed(source, types)
    return name if name and _FLOW_ID.match(name) else None


def _parsed(source: bytes, types: Types) -> str | None:
    """Ask the parser, where the lines alone do not tell."""
    parsed = parse_flow(source, types=types, namespace="x")
    if parsed.flow is not None:
        return parsed.flow.id
    try:
        document = load(decode(source)).value
    except YamlError:
        return None
    name = document.get("id") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None
