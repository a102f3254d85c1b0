"""What a tenant may be called: its name is the first part of its addresses."""

import re
from typing import Final

TENANT_RULE: Final = r"[a-z0-9][a-z0-9_-]{0,62}"

RESERVED_TENANTS: Final = frozenset(
    {
        "audit",
        "auditlogs",
        "bindings",
        "changesets",
        "configs",
        "drafts",
        "drift",
        "executions",
        "flows",
        "groups",
        "hooks",
        "instance",
        "kv",
        "login",
        "logout",
        "logs",
        "me",
        "metrics",
        "namespaces",
        "pebble",
        "pins",
        "plugins",
        "pulls",
        "roles",
        "secrets",
        "service-accounts",
        "setup",
        "sources",
        "stats",
        "sync-runs",
        "tenant-access",
        "tenants",
        "tests",
        "triggers",
        "users",
        "validate",
    }
)
"""First parts of addresses of the instance, and those that mean the tenant `main` without it."""

TENANT_NAME: Final = re.compile(rf"(?!(?:{'|'.join(sorted(RESERVED_TENANTS))})\Z){TENANT_RULE}\Z")


def tenant_name_problem(name: str) -> str:
    """Return why a text is no name of a tenant, in one clause."""
    if name in RESERVED_TENANTS:
        return f"{name!r} is no tenant name: addresses of the API begin so; choose another"
    return f"{name!r:.100} is no tenant name: small letters, digits, - and _, 63 at most"
