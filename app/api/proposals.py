"""Changesets as JSON, and the answer to a change that waits for somebody to merge it."""

from typing import Any

from app.api.answers import Json
from app.api.documents import Document, Responses
from app.api.paths import PREFIX
from app.api.records import record_json
from app.db.changesets import Changeset
from app.sync.changesets.model import Proposed


class PullDocument(Document):
    """A pull request."""

    number: int
    url: str


class ProposalDocument(Document):
    """A change that waits to be merged: nothing runs it before."""

    changeset: str
    branch: str | None = None
    pull_request: PullDocument | None = None
    state: str
    commit: str | None = None
    error: str | None = None


PROPOSED: Responses = {
    202: {
        "model": ProposalDocument,
        "description": "Proposed: the source takes changes by pull request only",
    }
}


def proposal_json(changeset: Changeset) -> dict[str, Any]:
    """Return what a client needs to follow a change."""
    pull = None
    if changeset.pull_number is not None:
        pull = {"number": changeset.pull_number, "url": changeset.pull_url or ""}
    body = {
        "changeset": changeset.id,
        "branch": changeset.branch,
        "pullRequest": pull,
        "state": changeset.state,
        "commit": changeset.commit_sha,
    }
    return {**body, "error": changeset.error} if changeset.error else body


def changeset_json(changeset: Changeset) -> dict[str, Any]:
    """Return everything about a changeset; what people wrote stays text."""
    words = {name: getattr(changeset, name) for name in ("title", "description", "owner")}
    return {**record_json(changeset), **words, **proposal_json(changeset)}


def location(changeset: Changeset) -> str:
    """Return where a changeset can be read."""
    return f"{PREFIX}/{changeset.tenant}/changesets/{changeset.id}"


def proposed(waiting: Proposed) -> Json:
    """Answer a change that was proposed; where several sources take part, with all of them."""
    first, *more = waiting.changesets
    body = proposal_json(first) | {"message": waiting.message}
    if more:
        body["changesets"] = [proposal_json(each) for each in waiting.changesets]
    return Json(body, 202, {"Location": location(first)})


def made(changeset: Changeset) -> Json:
    """Answer with a changeset: 200 when it is active, 202 while it is on its way."""
    status = 200 if changeset.state == "ACTIVE" else 202
    return Json(changeset_json(changeset), status, {"Location": location(changeset)})
