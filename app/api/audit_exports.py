"""The audit log as a file: lines of JSON that prove themselves, or a table."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Query
from starlette.responses import Response, StreamingResponse

from app.access import Permission, Reach
from app.api.access import By, needs
from app.api.audit import INSTANCE, Moment, at_instance
from app.api.documents import problems_of
from app.api.execution_files import disposition
from app.api.flow_archives import cell
from app.api.paths import PREFIX, Tenant
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.times import instant, read_instant
from app.db.audit_chain import FIELDS, Link
from app.db.audit_segments import line

router = Router(
    prefix=PREFIX,
    tags=["Audit"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(400, 403),
)

Form = Annotated[
    Literal["jsonl", "csv"], Query(alias="format", description="`jsonl`: with numbers and hashes.")
]
COLUMNS = ("seq", *FIELDS, "hash")
_SOME = 200
"""Lines that are sent at once."""


class Span(NamedTuple):
    """Which entries are sent: of a chain, of a time, of the namespaces that may be seen."""

    tenant: str
    since: int | None = None
    until: int | None = None
    reach: Reach | None = None

    def holds(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry is meant."""
        if self.since is not None and entry["at"] < self.since:
            return False
        if self.until is not None and entry["at"] >= self.until:
            return False
        return self.reach is None or self.reach.holds(entry["namespace"])


@router.get("/instance/audit/export", summary="The audit log of the instance as a file")
@needs(Permission.AUDIT_READ)
async def of_instance(
    node: Node, by: By, form: Form = "jsonl", since: Moment = None, until: Moment = None
) -> Response:
    """Send the entries that belong to no tenant, the oldest first."""
    at_instance(by)
    return export(node, Span(INSTANCE, _time(since, "since"), _time(until, "until")), form)


@router.get("/{tenant}/audit/export", summary="The audit log as a file")
@needs(Permission.AUDIT_READ)
async def of_tenant(
    tenant: Tenant,
    node: Node,
    by: By,
    *,
    form: Form = "jsonl",
    since: Moment = None,
    until: Moment = None,
) -> Response:
    """Send the entries of a tenant, the oldest first.

    Each line of JSON has its number and its hash: `headwater audit verify --file` proves them.
    """
    reach = by.reach(Permission.AUDIT_READ, tenant)
    span = Span(tenant, _time(since, "since"), _time(until, "until"), reach)
    return export(node, span, form)


def _time(text: str | None, name: str) -> int | None:
    return None if text is None else read_instant(text, name)


def export(node: Services, span: Span, form: str) -> Response:
    """Return the answer that streams a part of a chain."""
    name = f"audit-{span.tenant or 'instance'}.{form}"
    headers = {"Content-Disposition": disposition(name), "Cache-Control": "no-store"}
    if form == "csv":
        rows = _pieces(node, [span], csv_line, head=_written(COLUMNS))
        return StreamingResponse(rows, headers=headers, media_type="text/csv; charset=utf-8")
    lines = _pieces(node, [span], lambda each: line(each).decode())
    return StreamingResponse(lines, headers=headers, media_type="application/x-ndjson")


def csv_export(node: Services, spans: list[Span]) -> Response:
    """Return the answer that streams parts of several chains as one table."""
    headers = {"Content-Disposition": disposition("auditlogs.csv"), "Cache-Control": "no-store"}
    rows = _pieces(node, spans, csv_line, head=_written(COLUMNS))
    return StreamingResponse(rows, headers=headers, media_type="text/csv; charset=utf-8")


async def _pieces(
    node: Services, spans: list[Span], write: Callable[[Link], str], head: str = ""
) -> AsyncIterator[str]:
    piece = [head]
    for span in spans:
        async for link in node.ledger.lines(span.tenant):
            if link.entry is None or not span.holds(link.entry):
                continue
            piece.append(write(link))
            if len(piece) >= _SOME:
                yield "".join(piece)
                piece = []
    yield "".join(piece)


def csv_line(link: Link) -> str:
    """Return an entry as a row of a table; nothing in it is a formula."""
    entry = link.entry or {}
    shown = {**entry, "seq": link.seq, "hash": link.hash, "at": instant(entry["at"]).isoformat()}
    return _written([shown[name] for name in COLUMNS])


def _written(values: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([cell(each) for each in values])
    return buffer.getvalue()
