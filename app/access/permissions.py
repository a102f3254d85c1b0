"""What can be permitted: a verb on a kind of thing. There is no permission to read a secret."""

from enum import StrEnum


class Permission(StrEnum):
    """A verb on a kind of thing."""

    FLOW_READ = "flow:read"
    FLOW_VALIDATE = "flow:validate"
    FLOW_WRITE = "flow:write"
    """Commits: edits, drafts, changesets, pull requests, flow tests' files."""
    REVISION_READ = "revision:read"
    REVISION_ACTIVATE = "revision:activate"
    """Approving what a gate holds, overlays, enabling and disabling flows."""
    REVISION_ROLLBACK = "revision:rollback"
    """Pins, reverts, restores, redactions."""
    EXECUTION_READ = "execution:read"
    EXECUTION_CREATE = "execution:create"
    EXECUTION_KILL = "execution:kill"
    EXECUTION_RESTART = "execution:restart"
    EXECUTION_RESUME = "execution:resume"
    EXECUTION_LABEL = "execution:label"
    EXECUTION_DELETE = "execution:delete"
    LOG_READ = "log:read"
    LOG_DELETE = "log:delete"
    OUTPUT_READ = "output:read"
    """Outputs, inputs and files of executions; expressions evaluated in their place."""
    FILE_READ = "file:read"
    """Files of namespaces."""
    FILE_WRITE = "file:write"
    KV_READ = "kv:read"
    KV_WRITE = "kv:write"
    SECRET_LIST = "secret:list"  # noqa: S105 - no password
    """Names of secrets."""
    SECRET_WRITE = "secret:write"  # noqa: S105 - no password
    TRIGGER_READ = "trigger:read"
    TRIGGER_TOGGLE = "trigger:toggle"
    TRIGGER_UNLOCK = "trigger:unlock"
    TRIGGER_BACKFILL = "trigger:backfill"
    NAMESPACE_READ = "namespace:read"
    REPO_READ = "repo:read"
    """Sources, runs, pull requests, deliveries."""
    REPO_MANAGE = "repo:manage"
    TOKEN_MANAGE = "token:manage"  # noqa: S105 - no password
    """Tokens and service accounts of others; one's own tokens need no permission."""
    MEMBER_READ = "member:read"
    MEMBER_MANAGE = "member:manage"
    TENANT_MANAGE = "tenant:manage"
    """Settings of the tenant that are not in Git."""
    AUDIT_READ = "audit:read"
    INSTANCE_READ = "instance:read"
    INSTANCE_MANAGE = "instance:manage"


EVERYTHING = frozenset(Permission)
OF_INSTANCE = frozenset({Permission.INSTANCE_READ, Permission.INSTANCE_MANAGE})
"""Permissions that mean something at the instance only."""
