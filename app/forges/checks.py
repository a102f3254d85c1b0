"""GitHub's check runs: annotations go out in parts, texts are cut to what GitHub takes.

Limits: docs.github.com, "REST API endpoints for check runs": 50 annotations a request (further ones
are added by changes), columns only for annotations of one line, texts up to 65,535 characters.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.errors import NotFound
from app.forges.calls import Api
from app.forges.statuses import cut
from app.ports import Annotation, Check
from app.ports.forges import MOST_TEXT

_IN_ONE = 50
MOST_ANNOTATIONS = 500
_MOST_TITLE = 255
_MOST_ACTIONS = 3
_OPEN = ("queued", "in_progress")


class ChecksApi:
    """Check runs of one repository."""

    def __init__(self, api: Api, path: str) -> None:
        """Ask `api`; `path` is the repository's."""
        self._api = api
        self._path = f"{path}/check-runs"

    async def publish(self, check: Check) -> str:
        """Make a check run, or change the one that the check names; return its id."""
        first, *others = _batches(check)
        known = await self._begin(check, run_of(check, first))
        for batch in others:
            output = {"output": _output(check, batch)}
            await self._api.send("PATCH", f"{self._path}/{quote(known, safe='')}", output)
        return known

    async def _begin(self, check: Check, run: dict[str, Any]) -> str:
        if check.id:
            try:
                path = f"{self._path}/{quote(check.id, safe='')}"
                await self._api.send("PATCH", path, run)
            except NotFound:
                pass  # it is gone; GitHub keeps checks for 400 days
            else:
                return check.id
        made = await self._api.send("POST", self._path, run | {"head_sha": check.sha})
        return str(made["id"])


def run_of(check: Check, batch: Sequence[Annotation]) -> dict[str, Any]:
    """Return what is sent of a check, with a part of its annotations."""
    run: dict[str, Any] = {"name": check.context, "output": _output(check, batch)}
    if check.state in _OPEN:
        run["status"] = check.state
    else:
        run |= {"status": "completed", "conclusion": check.state}
    if check.url:
        run["details_url"] = check.url
    if check.actions:
        run["actions"] = [
            {"label": label[:20], "description": text[:40], "identifier": identifier[:20]}
            for label, text, identifier in check.actions[:_MOST_ACTIONS]
        ]
    return run


def _output(check: Check, batch: Sequence[Annotation]) -> dict[str, Any]:
    left = len(check.annotations) - MOST_ANNOTATIONS
    more = f"\n\n{left} more findings are not shown at their lines." if left > 0 else ""
    output: dict[str, Any] = {
        "title": cut(check.title, _MOST_TITLE),
        "summary": cut(check.summary, MOST_TEXT - len(more)) + more,
        "annotations": [annotation_of(each) for each in batch],
    }
    if check.text:
        output["text"] = cut(check.text, MOST_TEXT)
    return output


def annotation_of(note: Annotation) -> dict[str, Any]:
    """Return an annotation as GitHub takes it."""
    first = max(1, note.line)
    last = max(first, note.end_line)
    made: dict[str, Any] = {
        "path": note.path,
        "start_line": first,
        "end_line": last,
        "annotation_level": note.level,
        "message": cut(note.message, MOST_TEXT) or note.title or note.level,
        "title": cut(note.title, _MOST_TITLE),
    }
    if note.column and first == last:
        made |= {"start_column": note.column, "end_column": note.column}
    return made


def _batches(check: Check) -> list[Sequence[Annotation]]:
    shown = check.annotations[:MOST_ANNOTATIONS]
    return [shown[start : start + _IN_ONE] for start in range(0, len(shown), _IN_ONE)] or [()]
