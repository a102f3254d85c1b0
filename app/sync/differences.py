"""What changed between two revisions of a flow, as a unified diff of what is stored of them."""

import asyncio
import difflib

from app.db.flows import FlowStore
from app.db.records import FlowKey
from app.errors import NotFound
from app.ports import FlowRevision

_SHORTEST_ID = 4


async def find_revision(flows: FlowStore, key: FlowKey, text: str) -> FlowRevision:
    """Return the revision that a number or the beginning of a commit id names.

    Raises:
        NotFound: when there is none. Conflict: when more than one commit begins like this.
    """
    if text.isascii() and text.isdigit() and len(text) < 10:
        try:
            return await flows.find(*key, revision=int(text))
        except NotFound:
            if len(text) < _SHORTEST_ID:
                raise
    return await flows.find(*key, commit=text)


async def unified(flows: FlowStore, key: FlowKey, old: str, new: str) -> str:
    """Return the difference of two revisions in the unified format, "" when there is none."""
    before, after = await find_revision(flows, key, old), await find_revision(flows, key, new)
    texts = ["" if each.kind == "delete" else await flows.source(each) for each in (before, after)]
    return await asyncio.to_thread(_unified, before, after, *texts)


def _unified(before: FlowRevision, after: FlowRevision, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        new.splitlines(keepends=True),
        f"a/{before.path}",
        f"b/{after.path}",
        f"revision {before.revision}, commit {before.commit[:12]}",
        f"revision {after.revision}, commit {after.commit[:12]}",
    )
    return "".join(map(_ended, lines))


def _ended(line: str) -> str:
    """Return a line of a diff with a line end, marked where the file has none."""
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
