"""Edits that would have to wait: they are refused before they are made."""

from collections.abc import Collection

from app.errors import Conflict
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts
from app.sync.windows import Windows


def refuse_waiting(parts: Parts, places: Collection[NamespaceKey]) -> None:
    """Refuse an edit of namespaces that could not become active now.

    Raises:
        Conflict: while a commit below it is held, or a window is closed that lets no hand pass.
    """
    if parts.held is not None:
        message = (
            f"commit {parts.held[:12]} is held, and so would be what comes on top of it: see"
            " `headwater git status`, then approve it or push a newer commit"
        )
        raise Conflict(message)
    windows = Windows.of(parts.spec.windows)
    for tenant, namespace in places:
        closed = windows.closed((tenant, namespace), parts.clock.now())
        if closed is not None and not closed.by_hand:
            message = f"namespace {namespace} does not change now: closed by window {closed.why}"
            raise Conflict(message)
