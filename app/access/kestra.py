"""Kestra's names of permissions, a resource and what is done with it, and which of ours they are.

Kestra's are finer. One of ours is given where *every* action it stands for is, so that a role never
means more than it says; of resources that are not here (dashboards, apps, …) nothing is given.
"""

from collections.abc import Collection, Mapping, Sequence

from app.access.permissions import Permission

_P = Permission
_READ = ("VIEW", "LIST")
_WRITE = ("CREATE", "UPDATE", "DELETE")
_MEMBERS = ("USER", "GROUP", "ROLE", "BINDING")

RESOURCES = frozenset(
    {
        "APP", "APP_EXECUTION", "ASSET", "AUDITLOG", "BANNER", "BINDING", "BLUEPRINT", "CASE",
        "CASE_TEMPLATE", "COPILOT", "CREDENTIAL", "DASHBOARD", "EXECUTION", "FLOW", "GROUP",
        "INSTANCE", "INVITATION", "KILL_SWITCH", "KVSTORE", "MCP_SERVER", "NAMESPACE",
        "NAMESPACE_FILE", "POLICY", "PROMOTION_TARGET", "REUSABLE_INPUTS", "ROLE", "SECRET",
        "SECURITY_INTEGRATION", "SERVICE_ACCOUNT", "SUPPORT", "SYSTEM_SETTINGS", "TENANT",
        "TENANT_ACCESS", "TENANT_SETTINGS", "TESTSUITE", "TESTSUITE_RUN", "TRIGGER", "UNKNOWN",
        "USER", "VERSIONED_PLUGIN", "WORKER_GROUP", "WORKER_QUEUE",
    }
)  # fmt: skip
"""What Kestra has permissions for."""

_NEEDED: dict[Permission, Mapping[str, Sequence[str]]] = {
    _P.FLOW_READ: {"FLOW": _READ},
    _P.FLOW_VALIDATE: {"FLOW": ("VALIDATE",)},
    _P.FLOW_WRITE: {"FLOW": _WRITE},
    _P.REVISION_READ: {"FLOW": _READ},
    _P.REVISION_ACTIVATE: {"FLOW": ("ENABLE", "DISABLE")},
    _P.REVISION_ROLLBACK: {"FLOW": ("PROMOTE",)},
    _P.EXECUTION_READ: {"EXECUTION": _READ},
    _P.EXECUTION_CREATE: {"EXECUTION": ("CREATE",)},
    _P.EXECUTION_KILL: {"EXECUTION": ("KILL",)},
    _P.EXECUTION_RESTART: {"EXECUTION": ("RESTART", "REPLAY")},
    _P.EXECUTION_RESUME: {"EXECUTION": ("PAUSE", "RESUME")},
    _P.EXECUTION_LABEL: {"EXECUTION": ("CHANGE_LABELS",)},
    _P.EXECUTION_DELETE: {"EXECUTION": ("DELETE",)},
    _P.LOG_READ: {"EXECUTION": ("ACCESS_LOGS",)},
    _P.LOG_DELETE: {"EXECUTION": ("ACCESS_LOGS", "DELETE")},
    _P.OUTPUT_READ: {"EXECUTION": ("ACCESS_OUTPUTS", "ACCESS_FILES")},
    _P.FILE_READ: {"NAMESPACE_FILE": _READ},
    _P.FILE_WRITE: {"NAMESPACE_FILE": _WRITE},
    _P.KV_READ: {"KVSTORE": _READ},
    _P.KV_WRITE: {"KVSTORE": _WRITE},
    _P.SECRET_LIST: {"SECRET": ("LIST",)},
    _P.SECRET_WRITE: {"SECRET": _WRITE},
    _P.TRIGGER_READ: {"TRIGGER": _READ},
    _P.TRIGGER_TOGGLE: {"TRIGGER": ("ENABLE", "DISABLE")},
    _P.TRIGGER_UNLOCK: {"TRIGGER": ("UNLOCK",)},
    _P.TRIGGER_BACKFILL: {"TRIGGER": ("BACKFILL",)},
    _P.NAMESPACE_READ: {"NAMESPACE": _READ},
    _P.TOKEN_MANAGE: {"SERVICE_ACCOUNT": _WRITE},
    _P.MEMBER_READ: dict.fromkeys(_MEMBERS, _READ),
    _P.MEMBER_MANAGE: dict.fromkeys(_MEMBERS, _WRITE),
    _P.TENANT_MANAGE: {"TENANT_SETTINGS": ("VIEW", "UPDATE")},
    _P.AUDIT_READ: {"AUDITLOG": _READ},
    _P.INSTANCE_READ: {"INSTANCE": _READ},
    _P.INSTANCE_MANAGE: {"INSTANCE": _WRITE},
}
"""The actions that each of ours stands for."""

OURS_ALONE = frozenset(Permission) - _NEEDED.keys()
"""Permissions that Kestra has no name for: those of repositories."""

_SAME = {"READ": _READ, "EXECUTE": ("CREATE",)}
"""Older and other names of actions."""


def from_kestra(given: Mapping[str, Collection[str]]) -> frozenset[Permission]:
    """Return our permissions that Kestra's stand for: resource -> actions."""
    known = {
        resource: {name for each in actions for name in _SAME.get(each, (each,))}
        for resource, actions in given.items()
    }
    return frozenset(
        permission
        for permission, needed in _NEEDED.items()
        if all(known.get(resource, set()) >= set(actions) for resource, actions in needed.items())
    )


def to_kestra(permissions: Collection[Permission]) -> dict[str, list[str]]:
    """Return Kestra's names for our permissions: resource -> actions, in order."""
    found: dict[str, set[str]] = {}
    for permission in permissions:
        for resource, actions in _NEEDED.get(permission, {}).items():
            found.setdefault(resource, set()).update(actions)
    return {resource: sorted(found[resource]) for resource in sorted(found)}
