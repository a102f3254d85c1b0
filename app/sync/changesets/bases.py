"""What an edit began from, what is there now, and both merged where they differ."""

import asyncio
from typing import Any, NamedTuple

from app.errors import GitError, ObjectMissing, PreconditionFailed
from app.git.names import is_oid
from app.git.three_way import Merged, merged
from app.git.trees import blob_of
from app.sync.changesets.composing import path_of
from app.sync.changesets.model import Change
from app.sync.origin import Origin
from app.sync.worker import SourceWorker

_LARGEST = 4 * 1024**2


class Standing(NamedTuple):
    """A file on the followed branch; `blob` is "" where there is none."""

    path: str
    commit: str
    blob: str


async def standing(worker: SourceWorker, tenant: str, change: Change) -> Standing:
    """Return how the file of a change stands on the branch as it is known here."""
    origin = await worker.publisher.opened()
    if change.kind == "flow":
        path = await worker.writes.path_of((tenant, change.namespace, change.name))
    else:
        path = path_of(origin, tenant, change)
    return await asyncio.to_thread(_standing, origin, path)


def _standing(origin: Origin, path: str) -> Standing:
    try:
        tip = origin.mirror.tip(f"refs/heads/{origin.ref}")
    except GitError:
        return Standing(path, "", "")  # no commit yet
    return Standing(path, tip, blob_of(origin.mirror.objects, tip, path) or "")


async def refuse_stale(
    worker: SourceWorker, now: Standing, base_blob: str, mine: bytes | None
) -> None:
    """Refuse an edit of something else than what is there now, and offer the merge of both.

    Raises:
        PreconditionFailed: with `base`, `current`, and `merged` and `conflicts` where both can be
            merged: `merged` is what a client saves next, with `current` as its base.
    """
    if now.blob != base_blob:
        told = await overlap(worker, now, base_blob, mine)
        message = f"{now.path} was changed by somebody else since you began; merge, and save again"
        raise PreconditionFailed(message, **told)


async def overlap(
    worker: SourceWorker, now: Standing, base_blob: str, mine: bytes | None
) -> dict[str, Any]:
    """Return what an edit and the branch make of the same base."""
    told: dict[str, Any] = {"path": now.path, "base": base_blob, "current": now.blob}
    if mine is None or not now.blob:
        return told  # one of the two deleted it: that is for a person
    origin = await worker.publisher.opened()
    found = await asyncio.to_thread(_merged, origin, mine, base_blob, now.blob)
    if found is None:
        return told
    text = found.data.decode("utf-8", "replace")
    return {**told, "merged": text, "conflicts": found.conflicts}


def _merged(origin: Origin, mine: bytes, base_blob: str, now_blob: str) -> Merged | None:
    objects = origin.mirror.objects
    if base_blob and not is_oid(base_blob):
        return None  # a client's word, which must not become the name of something else
    try:
        base = objects.read(base_blob, limit=_LARGEST) if base_blob else b""
        now = objects.read(now_blob, limit=_LARGEST)
        return merged(origin.mirror.disk.launcher, mine, base, now)
    except ObjectMissing:
        return None  # a base that the repository never had
    except GitError:
        return None  # binary
