"""Payloads of GitLab (docs.gitlab.com, "Webhook events"). Pure."""

from typing import Any

from app.sync.hints.model import MOST_COMMENT, Fields, Hint

_NO_COMMIT = "0" * 40
_ACTIONS = {
    "open": ("pull", "opened"),
    "reopen": ("pull", "reopened"),
    "update": ("pull", "edited"),
    "close": ("pull", "closed"),
    "merge": ("pull", "closed"),
    "approved": ("review", "submitted"),
    "approval": ("review", "submitted"),
    "unapproved": ("review", "dismissed"),
    "unapproval": ("review", "dismissed"),
}


def read(payload: Fields) -> Hint:
    """Return what a delivery hints at."""
    common: dict[str, Any] = {"repository": payload["project"]["path_with_namespace"].text()}
    match payload["object_kind"].text():
        case "push" | "tag_push":
            return Hint(**(common | _push(payload)))
        case "merge_request":
            return Hint(**(common | _merge_request(payload)))
        case "note":
            return Hint(**(common | _note(payload)))
    return Hint(**common)


def _push(payload: Fields) -> dict[str, Any]:
    before, after = payload["before"].text(), payload["after"].text()
    is_gone = after[:40] == _NO_COMMIT
    return {
        "event": "push",
        "action": "deleted" if is_gone else "created" if before[:40] == _NO_COMMIT else "",
        "ref": payload["ref"].text(),
        "sha": after,
        "actor": payload["user_username"].text(),
    }


def _merge_request(payload: Fields) -> dict[str, Any]:
    told = payload["object_attributes"]
    event, action = _ACTIONS.get(told["action"].text(), ("", told["action"].text()))
    return {
        "event": event,
        "action": _what_changed(payload) if action == "edited" else action,
        "number": told["iid"].number,
        "sha": told["last_commit"]["id"].text(),
        "ref": told["target_branch"].text(),
        "actor": payload["user"]["username"].text(),
    }


def _what_changed(payload: Fields) -> str:
    """Return GitHub's word for an update, of which GitLab has one kind."""
    changes = payload["changes"]
    if payload["object_attributes"]["oldrev"]:
        return "synchronize"
    if changes["draft"]:
        return "converted_to_draft" if changes["draft"]["current"] else "ready_for_review"
    return "labeled" if changes["labels"] else "edited"


def _note(payload: Fields) -> dict[str, Any]:
    note, request = payload["object_attributes"], payload["merge_request"]
    if not request or note["action"].text() == "update" or note["system"]:
        return {"action": note["action"].text()}
    return {
        "event": "comment",
        "action": "created",
        "number": request["iid"].number,
        "sha": request["last_commit"]["id"].text(),
        "ref": request["target_branch"].text(),
        "actor": payload["user"]["username"].text(),
        "comment_id": note["id"].text(),
        "comment": note["note"].text(MOST_COMMENT),
    }
