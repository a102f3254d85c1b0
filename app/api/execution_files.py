"""Files of executions: where they are, and who may read which (security case 98)."""

from urllib.parse import quote

from app.engine.uris import SCHEME, execution_files, files_of, namespace_files
from app.errors import NotFound
from app.executions import Execution

__all__ = ["disposition", "execution_files", "files_of", "readable"]


def readable(execution: Execution, uri: str) -> str:
    """Return the URI if it is a file of this execution.

    Raises:
        NotFound: when it belongs to something else, whatever that is.
    """
    full = uri if uri.startswith(SCHEME) else f"{SCHEME}{uri}"
    tail = f"{execution.flow_id}/executions/{execution.id}"
    before = f"{namespace_files(execution.namespace)}/{tail}"
    for folder in (files_of(execution), before):
        inside = full.removeprefix(f"{folder}/")
        if inside != full and {"", ".", ".."}.isdisjoint(inside.split("/")):
            return full
    message = f"{uri} is no file of execution {execution.id}"
    raise NotFound(message)


def disposition(uri: str) -> str:
    """Return the header that names a download (RFC 6266): ASCII, and what it is in truth."""
    name = uri.rpartition("/")[2]
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
