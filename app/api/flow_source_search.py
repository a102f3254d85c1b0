"""`GET …/flows/source`: full-text search in the sources of flows."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import page
from app.api.documents import answers_with, problems_of
from app.api.flow_json import revision_json
from app.api.flow_lookup import flows_of
from app.api.flow_search import ordered
from app.api.granted import Granted
from app.api.paths import PREFIX
from app.api.query import Page, Size, Sort, known_keys
from app.api.result_documents import SourceHitPage
from app.api.routing import Router
from app.api.services import Node
from app.errors import BadRequest
from app.ports import FlowRevision

MAX_MATCHES = 50
"""Most matches of one flow that are told."""

_CONTEXT = 1
"""Lines before and after a match that a fragment shows."""

_SECTION = re.compile(r"([A-Za-z]\w*)\s*:")
_SECTIONS: Mapping[str, frozenset[str]] = {
    "TASKS": frozenset({"tasks", "errors", "finally", "afterExecution", "listeners"}),
    "TRIGGERS": frozenset({"triggers"}),
    "INPUTS": frozenset({"inputs"}),
}

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for."""

    q: str
    case_sensitive: bool
    whole_word: bool
    regex: bool
    scope: str


async def _wanted(
    q: Annotated[str, Query(max_length=500, description="The text.")] = "",
    case_sensitive: Annotated[bool, Query(alias="caseSensitive")] = False,
    whole_word: Annotated[bool, Query(alias="wholeWord")] = False,
    regex: bool = False,
    scope: Literal["ALL", "TASKS", "TRIGGERS", "INPUTS"] = "ALL",
) -> Wanted:
    return Wanted(q, case_sensitive, whole_word, regex, scope)


@router.get("/source", summary="Search the sources of flows", responses=answers_with(SourceHitPage))
@needs(Permission.FLOW_READ)
async def search(
    right: Granted,
    node: Node,
    wanted: Annotated[Wanted, Depends(_wanted)],
    namespace: Annotated[str | None, Query(max_length=150)] = None,
    number: Page = 1,
    size: Size = 10,
    sort: Sort = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """List the flows whose source holds a text, with the lines around each place."""
    flows = [
        each
        for each in flows_of(node, right)
        if not namespace or f"{each.namespace}.".startswith(f"{namespace}.")
    ]
    flows = ordered(flows, sort)
    spans = await asyncio.to_thread(_finder, wanted)
    sources = await node.flows.sources(flows)
    hits = await asyncio.to_thread(_hits, flows, sources, spans, wanted.scope)
    shown = hits[(number - 1) * size : number * size]
    return page([_hit_json(flow, matches) for flow, matches in shown], len(hits))


Spans = Callable[[str], Iterator[tuple[int, int]]]
"""Yields where matches begin and end in a line."""


def _finder(wanted: Wanted) -> Spans:
    """Return what finds the text; the engine of patterns never backtracks.

    Raises:
        BadRequest: when the pattern cannot be read.
    """
    import re2  # noqa: PLC0415 - large, and few ever search

    pattern = wanted.q if wanted.regex else re2.escape(wanted.q)
    if wanted.whole_word:
        pattern = rf"\b(?:{pattern})\b"
    options = re2.Options()
    options.case_sensitive = wanted.case_sensitive
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options=options)
    except (re2.error, UnicodeError):
        message = f"q: {wanted.q[:100]!r} is no regular expression that is understood (RE2 syntax)"
        raise BadRequest(message) from None

    def spans(line: str) -> Iterator[tuple[int, int]]:
        return ((found.start(), found.end()) for found in compiled.finditer(line))

    return spans


@dataclass(frozen=True, slots=True)
class Match:
    """A line that holds the text, and the lines around it with the text marked."""

    line: int
    column: int
    text: str
    fragment: str


_Hit = tuple[FlowRevision, list[Match]]


def _hits(
    flows: Sequence[FlowRevision], sources: Mapping[str, str], spans: Spans, scope: str
) -> list[_Hit]:
    hits = []
    for flow in flows:
        matches = _matches(sources[flow.blob], spans, scope)
        if matches:
            hits.append((flow, matches))
    return hits


def _matches(source: str, spans: Spans, scope: str) -> list[Match]:
    lines = source.splitlines()
    found: list[Match] = []
    section = ""
    for number, line in enumerate(lines):
        head = _SECTION.match(line)
        section = head[1] if head else section
        if scope != "ALL" and section not in _SECTIONS[scope]:
            continue
        places = list(spans(line))
        if places:
            around = lines[max(0, number - _CONTEXT) : number + _CONTEXT + 1]
            around[min(number, _CONTEXT)] = _marked(line, places)
            found.append(Match(number + 1, places[0][0] + 1, line, "\n".join(around)))
        if len(found) == MAX_MATCHES:
            break
    return found


def _marked(line: str, places: Sequence[tuple[int, int]]) -> str:
    """Return a line in which each match stands between marks, as Kestra's clients show them."""
    marked, at = "", 0
    for start, end in places:
        marked += f"{line[at:start]}[mark]{line[start:end]}[/mark]"
        at = end
    return marked + line[at:]


def _hit_json(flow: FlowRevision, matches: Sequence[Match]) -> dict[str, Any]:
    """Return a hit in the form of Kestra's earlier versions and in that of version 2."""
    return {
        "model": revision_json(flow),
        "fragments": [each.fragment for each in matches],
        "namespace": flow.namespace,
        "id": flow.flow_id,
        "editable": True,
        "matches": [
            {"line": each.line, "column": each.column, "text": each.text} for each in matches
        ],
    }
