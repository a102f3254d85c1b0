"""Payloads of GitHub, and of Gitea, Forgejo and Gogs, which are like GitHub's. Pure."""

from collections.abc import Mapping
from typing import Any

from app.sync.hints.model import MOST_COMMENT, Fields, Hint

_GITEA = frozenset(("forgejo", "gitea", "gogs"))
_PULL = frozenset(
    (
        "opened",
        "reopened",
        "synchronize",
        "ready_for_review",
        "converted_to_draft",
        "edited",
        "labeled",
        "unlabeled",
        "closed",
    )
)
_ACTIONS: Mapping[str, frozenset[str]] = {
    "pull_request": _PULL,
    "issue_comment": frozenset(("created",)),
    "pull_request_review": frozenset(("submitted", "dismissed")),
    "check_run": frozenset(("rerequested", "requested_action")),
    "check_suite": frozenset(("rerequested",)),
    "merge_group": frozenset(("checks_requested", "destroyed")),
    "repository": frozenset(("renamed", "transferred")),
}
_SAME_ACTION = {"synchronized": "synchronize", "label_updated": "labeled"}
_GITEA_REVIEWS = frozenset(("pull_request_approved", "pull_request_rejected"))


def read(event: str, payload: Fields, provider: str) -> Hint:
    """Return what a delivery hints at."""
    action = payload["action"].text()
    if provider in _GITEA:
        action = _SAME_ACTION.get(action, action)
        if event in _GITEA_REVIEWS:
            event, action = "pull_request_review", "submitted"
    common: dict[str, Any] = {
        "actor": payload["sender"]["login"].text(),
        "repository": payload["repository"]["full_name"].text(),
        "action": action,
    }
    if event == "push":
        return _push(payload, common)
    reader = _READERS.get(event)
    if reader is None or action not in _ACTIONS[event]:
        return Hint(**common)
    return Hint(**(common | reader(payload)))


def _push(payload: Fields, common: dict[str, Any]) -> Hint:
    action = next((name for name in ("created", "deleted") if payload[name]), "")
    ref, sha = payload["ref"].text(), payload["after"].text()
    return Hint("push", **(common | {"action": action, "ref": ref, "sha": sha}))


def _pull(payload: Fields) -> dict[str, Any]:
    pull = payload["pull_request"]
    return {
        "event": "pull",
        "number": pull["number"].number,
        "sha": pull["head"]["sha"].text(),
        "ref": pull["base"]["ref"].text(),
    }


def _comment(payload: Fields) -> dict[str, Any]:
    issue, comment = payload["issue"], payload["comment"]
    if not issue["pull_request"]:
        return {}
    return {
        "event": "comment",
        "number": issue["number"].number,
        "comment_id": comment["id"].text(),
        "comment": comment["body"].text(MOST_COMMENT),
    }


def _review(payload: Fields) -> dict[str, Any]:
    return _pull(payload) | {"event": "review"}


def _check(payload: Fields) -> dict[str, Any]:
    run = payload["check_run"]
    button = payload["requested_action"]["identifier"].text()
    return {
        "event": "check",
        "number": run["pull_requests"].first["number"].number,
        "sha": run["head_sha"].text(),
        "identifier": button or run["name"].text(),
    }


def _suite(payload: Fields) -> dict[str, Any]:
    suite = payload["check_suite"]
    number = suite["pull_requests"].first["number"].number
    return {"event": "suite", "number": number, "sha": suite["head_sha"].text()}


def _merge_group(payload: Fields) -> dict[str, Any]:
    group = payload["merge_group"]
    return {
        "event": "merge_group",
        "sha": group["head_sha"].text(),
        "ref": group["base_ref"].text(),
    }


def _repository(payload: Fields) -> dict[str, Any]:
    """Return the new name, and as the repository the old one: that is what we know it by."""
    repository, changes = payload["repository"], payload["changes"]
    name, owner = repository["name"].text(), repository["owner"]["login"].text()
    old_name = changes["repository"]["name"]["from"].text() or name
    former = changes["owner"]["from"]
    old_owner = former["user"]["login"].text() or former["organization"]["login"].text() or owner
    return {
        "event": "repository",
        "identifier": repository["full_name"].text(),
        "repository": f"{old_owner}/{old_name}",
    }


_READERS = {
    "pull_request": _pull,
    "issue_comment": _comment,
    "pull_request_review": _review,
    "check_run": _check,
    "check_suite": _suite,
    "merge_group": _merge_group,
    "repository": _repository,
}
