"""Edits that would have to wait: they are refused before they are made."""

from collections.abc import Collection

from app.errors import Conflict
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts
from app.sync.windows import Windows


class SuspendedSource(Conflict):
    """Nothing of a source becomes active until somebody resumes it."""

    code = "SOURCE_SUSPENDED"


_STRICT = ("head", "range", "strict")


async def refuse_suspended(parts: Parts) -> None:
    """Refuse to make a commit, or a pull request, of a source that is not followed now.

    Raises:
        SuspendedSource: naming the source and the way out.
    """
    source = await parts.sources.get(parts.indexer.source_id)
    if source.suspended_at is not None:
        message = (
            f"source {source.id} is suspended, so that nothing written to it would become active;"
            f" resume it first: headwater git resume {source.id}"
        )
        raise SuspendedSource(message)


def refuse_unsigned(parts: Parts) -> None:
    """Refuse to make a commit that nobody signs, where such a one would hold up the source.

    Raises:
        Conflict: when signatures are asked for and no key is set to sign with.
    """
    spec = parts.spec
    if spec.signatures in _STRICT and spec.signing_key_file is None:
        message = (
            "commits must be signed here, and there is no key to sign with: set signing_key_file"
            " (and list its public key in ssh_signers_file), or push a signed commit"
        )
        raise Conflict(message)


def refuse_waiting(parts: Parts, places: Collection[NamespaceKey]) -> None:
    """Refuse an edit of namespaces that could not become active now.

    Raises:
        Conflict: when it would not be signed, while a commit below it is held, or a window is
            closed that lets no hand pass.
    """
    refuse_unsigned(parts)
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
