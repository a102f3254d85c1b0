"""Where executions keep files in the internal storage, and which of them they may read (§3.13)."""

import hashlib
import re
from functools import lru_cache

from app.executions import Execution
from app.expressions import slug

SCHEME = "kestra://"
MAIN = "main"
"""The tenant that there always is."""

_EXECUTION = re.compile(r"/[^/]+/executions/[A-Za-z0-9]{16,64}/.+")
"""Below the folder of a namespace: a file of some execution."""


def namespace_files(namespace: str, tenant: str = MAIN) -> str:
    """Return the URI below which everything of a namespace lies.

    Namespaces of several tenants may be called alike: a folder `_<tenant>` tells them apart, which
    no namespace begins with. The tenant `main` has none: its addresses are those of Kestra.
    """
    own = "" if tenant == MAIN else f"/_{tenant}"
    return f"{SCHEME}{own}/{namespace.replace('.', '/')}"


@lru_cache(maxsize=1024)
def flow_files(namespace: str, flow_id: str, tenant: str = MAIN) -> str:
    """Return the URI below which everything of a flow lies."""
    return f"{namespace_files(namespace, tenant)}/{slug(flow_id)}"


_folder = lru_cache(maxsize=4096)(slug)  # each task run has files, few tasks have them


def execution_files(namespace: str, flow_id: str, execution_id: str, tenant: str = MAIN) -> str:
    """Return the URI below which an execution keeps its files."""
    return f"{flow_files(namespace, flow_id, tenant)}/executions/{execution_id}"


def files_of(execution: Execution) -> str:
    """Return the URI below which this execution keeps its files."""
    return execution_files(execution.namespace, execution.flow_id, execution.id, execution.tenant)


def task_run_files(execution: Execution, task_id: str, run_id: str) -> str:
    """Return the URI below which a task run keeps its files."""
    return f"{files_of(execution)}/tasks/{_folder(task_id)}/{run_id}"


def cache_file(
    namespace: str, flow_id: str, task_id: str, value: str | None, tenant: str = MAIN
) -> str:
    """Return the URI of what a task (in a round: of a value) keeps for later executions."""
    folder = f"{flow_files(namespace, flow_id, tenant)}/{slug(task_id)}/cache"
    if value is not None:
        folder += f"/{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return f"{folder}/cache.zip"


def owns(execution: Execution, uri: str) -> bool:
    """Whether a file belongs to this execution, the one that started it or was copied for it.

    Ids of executions are unique; the folders around them may be spelled as older versions did.
    """
    owners = (execution.id, execution.caller_id, execution.parent_id, execution.original_id)
    parts = uri.removeprefix(SCHEME).split("/")
    return _proper(uri) and any(owner and owner in parts for owner in owners)


def may_read(execution: Execution, uri: str) -> bool:
    """Whether an execution may read a file: its own, or of any execution of its namespace."""
    if owns(execution, uri):
        return True
    home = namespace_files(execution.namespace, execution.tenant)
    return (
        _proper(uri)
        and uri.startswith(f"{home}/")
        and _EXECUTION.fullmatch(uri.removeprefix(home)) is not None
    )


def _proper(uri: str) -> bool:
    return uri.startswith(f"{SCHEME}/") and {".", ".."}.isdisjoint(uri.split("/"))
