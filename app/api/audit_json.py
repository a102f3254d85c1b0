"""Entries of the audit log as Kestra's clients read them."""

from typing import Any

import orjson

from app.api.times import instant
from app.db.audit import AuditEntry

THINGS = {
    "audit": "AUDITLOG",
    "binding": "BINDING",
    "changeset": "FLOW",
    "execution": "EXECUTION",
    "file": "NAMESPACE_FILE",
    "flow": "FLOW",
    "group": "GROUP",
    "instance": "INSTANCE",
    "kv": "KVSTORE",
    "login": "USER",
    "logout": "USER",
    "member": "USER",
    "namespace": "NAMESPACE",
    "pin": "FLOW",
    "revision": "FLOW",
    "role": "ROLE",
    "secret": "SECRET",
    "service-account": "SERVICE_ACCOUNT",
    "setup": "USER",
    "source": "INSTANCE",
    "tenant": "TENANT",
    "tenant-access": "TENANT_ACCESS",
    "token": "CREDENTIAL",
    "trigger": "TRIGGER",
    "user": "USER",
}
"""How an action begins → Kestra's resource; others are UNKNOWN."""

VERBS = {
    "CREATE": ("create", "submit", "setup"),
    "DELETE": ("delete", "revoke", "abandon", "close"),
    "LOGIN": ("login",),
    "LOGIN_FAILURE": ("failed",),
    "LOGOUT": ("logout",),
    "PROMOTE": ("promote",),
}
"""Kestra's type of an action → how it ends; whatever else is an UPDATE."""
_TYPES = {verb: kind for kind, verbs in VERBS.items() for verb in verbs}
_USERS = {"service-account": "SERVICE_ACCOUNT"}


def item_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry and who made it."""
    user = {
        "id": entry.actor_id or entry.actor,
        "type": _USERS.get(entry.actor_kind or "", "STANDARD"),
        "username": entry.actor,
        "email": "",
    }
    return {"auditLog": log_json(entry), "user": user}


def log_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as Kestra's AuditLog; what is ours only stands in its detail."""
    thing, _, name = entry.target.partition("/")
    resource = THINGS.get(entry.action.partition(".")[0], "UNKNOWN")
    detail = {
        "resource": resource,
        "type": thing,
        "id": name or None,
        "namespace": entry.namespace,
        "action": entry.action,
        "reason": entry.reason or None,
        "outcome": entry.outcome or "success",
        "requestId": entry.request_id,
        "tokenId": entry.token_id,
        "more": entry.detail or None,
    }
    found = {
        "tenantId": entry.tenant or None,
        "id": entry.id,
        "type": type_of(entry.action),
        "detail": {key: value for key, value in detail.items() if value is not None},
        "date": instant(entry.at),
        "userId": entry.actor_id or entry.actor,
        "ipAddress": entry.ip,
    }
    return {key: value for key, value in found.items() if value is not None}


def type_of(action: str) -> str:
    """Return Kestra's type of an action."""
    return _TYPES.get(action.rpartition(".")[2], "UPDATE")


def option_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as a choice in a list."""
    return {"id": entry.id, "date": instant(entry.at), "username": entry.actor}


def diff_json(before: AuditEntry | None, after: AuditEntry) -> dict[str, Any]:
    """Return what two entries say, to be compared as texts."""
    return {"before": None if before is None else _said(before), "after": _said(after)}


def _said(entry: AuditEntry) -> str:
    said = {
        "action": entry.action,
        "reason": entry.reason,
        "hash": entry.after_hash,
        "detail": entry.detail,
    }
    kept = {key: value for key, value in said.items() if value}
    return orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
