"""Blame, breakages and bisects as JSON, and what these look like."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.api.documents import Document
from app.api.times import instant
from app.db.outcomes import Outcome
from app.db.records import CommitRecord
from app.engine.flow_tests.documents import suite_json
from app.ports import FlowRevision
from app.sync.testing.bisecting import FlowBisection
from app.sync.tracing.blaming import Blamed, Origin
from app.sync.tracing.breaking import Breakage


class RevisionDocument(Document):
    """A revision, and who made it."""

    namespace: str
    flow_id: str = Field(description="Another one where the flow was renamed since.")
    revision: int
    commit: str
    author: str
    email: str
    date: datetime | None = None
    subject: str
    path: str
    pull_request: int | None = None


class PartDocument(Document):
    """A part of a flow, and the revision that it is from."""

    kind: Literal["task", "trigger", "input", "output", "property"]
    id: str
    pointer: str
    line: int
    origin: RevisionDocument


class BlameDocument(Document):
    """Where each part of a flow is from."""

    revision: int
    commit: str
    parts: list[PartDocument]


class OutcomeDocument(Document):
    """An execution that ended."""

    id: str
    revision: int
    commit: str
    state: str
    date: datetime


class BreakageDocument(Document):
    """Why a flow fails, as its executions tell."""

    broken: bool
    verdict: Literal["healthy", "commit", "surroundings", "outside", "never-worked"]
    message: str
    last_good: OutcomeDocument | None = None
    first_bad: OutcomeDocument | None = None
    failures: int = Field(description="Executions that failed since.")
    task_id: str | None = None
    error: str | None = None
    likely: RevisionDocument | None = None
    suspects: list[RevisionDocument]
    commits: list[dict[str, Any]]


class TrialDocument(Document):
    """A revision that was tried."""

    revision: int
    commit: str
    verdict: Literal["good", "bad", "skipped"]


class BisectionDocument(Document):
    """Which revision broke tests."""

    message: str
    good: RevisionDocument
    bad: RevisionDocument
    first_bad: RevisionDocument | None = None
    suspects: list[RevisionDocument]
    runs: list[TrialDocument]
    result: dict[str, Any] = Field(description="What the tests say of the bad revision.")


def revision_document(revision: FlowRevision, pull: int | None = None) -> dict[str, Any]:
    """Return a revision and who made it."""
    body = {
        "namespace": revision.namespace,
        "flowId": revision.flow_id,
        "revision": revision.revision,
        "commit": revision.commit,
        "author": revision.author_name,
        "email": revision.author_email,
        "date": instant(revision.authored_at) if revision.authored_at else None,
        "subject": revision.subject,
        "path": revision.path,
    }
    return {**body, "pullRequest": pull} if pull is not None else body


def blame_json(revision: FlowRevision, parts: Sequence[Blamed]) -> dict[str, Any]:
    """Return where each part of a flow is from."""
    return {
        "revision": revision.revision,
        "commit": revision.commit,
        "parts": [
            {
                "kind": each.part.kind,
                "id": each.part.id,
                "pointer": each.pointer,
                "line": each.line,
                "origin": _origin(each.origin),
            }
            for each in parts
        ],
    }


def breakage_json(found: Breakage) -> dict[str, Any]:
    """Return why a flow fails."""
    body: dict[str, Any] = {
        "broken": found.verdict != "healthy",
        "verdict": found.verdict,
        "message": found.message,
        "failures": found.failures,
        "suspects": [_origin(each) for each in found.suspects],
        "commits": [_commit(each) for each in found.commits],
    }
    if found.last_good is not None:
        body["lastGood"] = _outcome(found.last_good)
    if found.first_bad is not None:
        body["firstBad"] = _outcome(found.first_bad)
    if found.failure is not None:
        body |= {"taskId": found.failure.task_id, "error": found.failure.error}
    if found.likely is not None:
        body["likely"] = _origin(found.likely)
    return body


def bisection_json(found: FlowBisection) -> dict[str, Any]:
    """Return which revision broke tests."""
    first = found.found.first_bad
    body: dict[str, Any] = {
        "message": _told(found),
        "good": revision_document(found.good),
        "bad": revision_document(found.bad),
        "suspects": [revision_document(each) for each in found.found.suspects],
        "runs": [
            {"revision": each.revision, "commit": each.commit, "verdict": verdict}
            for each, verdict in found.found.runs
        ],
        "result": suite_json(found.result),
    }
    return body if first is None else {**body, "firstBad": revision_document(first)}


def _told(found: FlowBisection) -> str:
    first = found.found.first_bad
    tried = f"{len(found.found.runs) + 2} runs"
    if first is None:
        numbers = ", ".join(str(each.revision) for each in found.found.suspects)
        return f"one of the revisions {numbers} broke the tests; those before cannot be run"
    return (
        f"revision {first.revision} broke the tests: commit {first.commit[:12]} by"
        f" {first.author_name}, {first.subject!r} ({tried})"
    )


def _origin(origin: Origin) -> dict[str, Any]:
    return revision_document(origin.revision, origin.pull)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "revision": outcome.revision,
        "commit": outcome.commit,
        "state": outcome.state,
        "date": instant(outcome.created_at),
    }


def _commit(commit: CommitRecord) -> dict[str, Any]:
    return {
        "commit": commit.sha,
        "author": commit.author_name,
        "email": commit.author_email,
        "date": instant(commit.authored_at),
        "subject": commit.subject,
    }
