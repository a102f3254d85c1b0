"""Path parameters: tenants, namespaces, ids. What cannot be one is not found."""

import re
from typing import Annotated

from fastapi import Path

from app.config.tenant_names import TENANT_NAME
from app.config.tenant_names import TENANT_RULE as NAME_OF_TENANT

DEFAULT_TENANT = "main"
PREFIX = "/api/v1"

TENANT_RULE = rf"^{NAME_OF_TENANT}$"
NAMESPACE_RULE = r"^[a-z0-9][a-z0-9._-]{0,149}$"
FLOW_RULE = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$"
EXECUTION_RULE = r"^[a-zA-Z0-9]{1,64}$"
COMMIT_RULE = r"^[0-9a-f]{4,64}$"
REVISION_RULE = r"^(original|latest|[1-9][0-9]{0,9}|commit:[0-9a-f]{4,64})$"
NAME_RULE = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$"

WITH_TENANT = frozenset(
    {
        "audit",
        "bindings",
        "changesets",
        "drafts",
        "executions",
        "flows",
        "groups",
        "kv",
        "logs",
        "metrics",
        "namespaces",
        "pins",
        "roles",
        "secrets",
        "stats",
        "tenant-access",
        "tests",
        "triggers",
    }
)
"""First parts of a tenant's paths; older clients leave the tenant before them out."""

OF_INSTANCE = frozenset({"pebble", "plugins"})
"""First parts of paths of the instance that some clients put below a tenant."""

Tenant = Annotated[str, Path(pattern=TENANT_RULE, description="The tenant; `main` by default.")]
Namespace = Annotated[str, Path(pattern=NAMESPACE_RULE, description="A namespace.")]
FlowId = Annotated[str, Path(pattern=FLOW_RULE, description="The id of a flow.")]
ExecutionId = Annotated[str, Path(pattern=EXECUTION_RULE, description="The id of an execution.")]
SourceId = Annotated[str, Path(pattern=NAME_RULE, description="The id of a source.")]
RunId = Annotated[str, Path(pattern=NAME_RULE, description="The id of a run.")]
ChangesetId = Annotated[str, Path(pattern=NAME_RULE, description="The id of a changeset or draft.")]

_NAMESPACE = re.compile(NAMESPACE_RULE)
_FLOW = re.compile(FLOW_RULE)
_EXECUTION = re.compile(EXECUTION_RULE)
_COMMIT = re.compile(COMMIT_RULE)


def is_tenant(text: str) -> bool:
    """Whether this can be the name of a tenant."""
    return TENANT_NAME.match(text) is not None


def is_flow(namespace: str, flow_id: str) -> bool:
    """Whether this can name a flow."""
    return _NAMESPACE.fullmatch(namespace) is not None and _FLOW.fullmatch(flow_id) is not None


def is_execution(text: str) -> bool:
    """Whether this can be the id of an execution."""
    return _EXECUTION.fullmatch(text) is not None


def is_made(text: str) -> bool:
    """Whether this looks like the id of an execution rather than a namespace: 128 bits."""
    return 20 <= len(text) <= 22 and is_execution(text)


def is_commit(text: str) -> bool:
    """Whether this can be the id of a commit, or how one begins."""
    return _COMMIT.fullmatch(text) is not None


def with_tenant(path: str) -> str:
    """Return a path of the API with its tenant: `/api/v1/flows/…` is the default tenant's."""
    if not path.startswith(f"{PREFIX}/"):
        return path
    first, _, rest = path[len(PREFIX) + 1 :].partition("/")
    if rest.partition("/")[0] in OF_INSTANCE and first not in WITH_TENANT | OF_INSTANCE:
        return f"{PREFIX}/{rest}"
    if first not in WITH_TENANT:
        return path
    return (
        f"{PREFIX}/{DEFAULT_TENANT}/{first}/{rest}"
        if rest
        else f"{PREFIX}/{DEFAULT_TENANT}/{first}"
    )
