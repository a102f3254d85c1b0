"""Roles: names for sets of permissions. Further ones are written by operators, as YAML."""

from dataclasses import dataclass

from app.access.permissions import EVERYTHING, OF_INSTANCE, Permission

_P = Permission


@dataclass(frozen=True, slots=True)
class Role:
    """A set of permissions with a name."""

    name: str
    permissions: frozenset[Permission]
    description: str = ""
    builtin: bool = False


_VIEWER = frozenset(
    {
        _P.FLOW_READ,
        _P.FLOW_VALIDATE,
        _P.REVISION_READ,
        _P.EXECUTION_READ,
        _P.LOG_READ,
        _P.FILE_READ,
        _P.KV_READ,
        _P.TRIGGER_READ,
        _P.NAMESPACE_READ,
        _P.REPO_READ,
    }
)
_OPERATOR = _VIEWER | {
    _P.OUTPUT_READ,
    _P.EXECUTION_CREATE,
    _P.EXECUTION_KILL,
    _P.EXECUTION_RESTART,
    _P.EXECUTION_RESUME,
    _P.EXECUTION_LABEL,
    _P.TRIGGER_TOGGLE,
    _P.TRIGGER_UNLOCK,
    _P.TRIGGER_BACKFILL,
}
_EDITOR = _OPERATOR | {
    _P.FLOW_WRITE,
    _P.FILE_WRITE,
    _P.KV_WRITE,
    _P.SECRET_LIST,
    _P.SECRET_WRITE,
}
_ADMIN = EVERYTHING - OF_INSTANCE
_AUDITOR = _VIEWER | {_P.AUDIT_READ, _P.MEMBER_READ, _P.SECRET_LIST}

ROLES = {
    role.name: role
    for role in (
        Role("member", frozenset(), "Belongs to a tenant, may do nothing there.", builtin=True),
        Role("viewer", _VIEWER, "Sees flows, executions and logs, no outputs.", builtin=True),
        Role("operator", _OPERATOR, "Starts, stops and resumes what runs.", builtin=True),
        Role("editor", _EDITOR, "Changes flows, files, keys and secrets.", builtin=True),
        Role("admin", _ADMIN, "Does everything in a tenant.", builtin=True),
        Role("instance-admin", EVERYTHING, "Does everything everywhere.", builtin=True),
        Role("auditor", _AUDITOR, "Sees what a viewer sees, and the audit log.", builtin=True),
    )
}
"""The built-in roles by name."""
