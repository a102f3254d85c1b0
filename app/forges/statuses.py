"""Commit statuses of forges without check runs, and how texts are cut. Pure."""

from collections.abc import Mapping
from typing import Any

from app.ports import Check
from app.ports.forges import CheckState

_MOST_DESCRIPTION = 140

GITHUB_STATES: Mapping[CheckState, str] = {
    "queued": "pending",
    "in_progress": "pending",
    "success": "success",
    "failure": "failure",
    "neutral": "success",
    "cancelled": "error",
}
"""GitHub's words; Gitea has the same."""


def github_status(check: Check) -> dict[str, Any]:
    """Return the commit status of a check, as GitHub and Gitea take it."""
    status = {
        "state": GITHUB_STATES[check.state],
        "context": check.context,
        "description": cut(check.title, _MOST_DESCRIPTION),
    }
    if check.url:
        status["target_url"] = check.url
    return status


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters; where some are missing an ellipsis tells."""
    return text if len(text) <= most else text[: most - 1] + "…"
