"""Payloads of Bitbucket Cloud, and pushes of Bitbucket Data Center. Pure.

People are named by their `uuid`: nicknames at Bitbucket are neither unique nor fixed, and whoever
may run a command is decided by this name.
"""

from typing import Any

from app.sync.hints.model import MOST_COMMENT, Fields, Hint

_PULLS = {
    "pullrequest:created": ("pull", "opened"),
    "pullrequest:updated": ("pull", "synchronize"),
    "pullrequest:fulfilled": ("pull", "closed"),
    "pullrequest:rejected": ("pull", "closed"),
    "pullrequest:approved": ("review", "submitted"),
    "pullrequest:unapproved": ("review", "dismissed"),
    "pullrequest:comment_created": ("comment", "created"),
}
_KINDS = {"branch": "heads", "tag": "tags"}


def read(event: str, payload: Fields) -> Hint:
    """Return what a delivery hints at."""
    common: dict[str, Any] = {
        "actor": payload["actor"]["uuid"].text(),
        "repository": payload["repository"]["full_name"].text(),
    }
    if event == "repo:push":
        return Hint(**(common | _push(payload["push"]["changes"])))
    if event == "repo:refs_changed":
        return Hint(**(common | _refs_changed(payload)))
    if event == "repo:updated":
        return Hint(**(common | _renamed(payload)))
    if event in _PULLS:
        return Hint(**(common | _pull(payload, *_PULLS[event])))
    return Hint(**common)


def _push(changes: Fields) -> dict[str, Any]:
    refs = [_ref(each["new"] or each["old"]) for each in changes.items]
    first = changes.first
    action = "created" if first["created"] else "deleted" if first["closed"] else ""
    sha = first["new"]["target"]["hash"].text()
    return _pushed(refs) | {"action": action, "sha": sha}


def _ref(branch: Fields) -> str:
    return f"refs/{_KINDS.get(branch['type'].text(), 'heads')}/{branch['name'].text()}"


def _refs_changed(payload: Fields) -> dict[str, Any]:
    changes, repository = payload["changes"], payload["repository"]
    project, slug = repository["project"]["key"].text(), repository["slug"].text()
    return _pushed([each["ref"]["id"].text() for each in changes.items]) | {
        "sha": changes.first["toHash"].text(),
        "actor": payload["actor"]["name"].text(),
        "repository": f"{project}/{slug}" if project and slug else "",
    }


def _pushed(refs: list[str]) -> dict[str, Any]:
    return {"event": "push", "ref": refs[0] if refs else "", "refs": tuple(refs)}


def _renamed(payload: Fields) -> dict[str, Any]:
    name = payload["changes"]["full_name"]
    if not name:
        return {}
    return {
        "event": "repository",
        "action": "renamed",
        "identifier": name["new"].text(),
        "repository": name["old"].text(),
    }


def _pull(payload: Fields, event: str, action: str) -> dict[str, Any]:
    pull, comment = payload["pullrequest"], payload["comment"]
    return {
        "event": event,
        "action": action,
        "number": pull["id"].number,
        "sha": pull["source"]["commit"]["hash"].text(),
        "ref": pull["destination"]["branch"]["name"].text(),
        "comment_id": comment["id"].text() if event == "comment" else "",
        "comment": comment["content"]["raw"].text(MOST_COMMENT) if event == "comment" else "",
    }
