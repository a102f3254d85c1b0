"""Whether history was rewritten since the last commit that the gate let through.

Judged by ancestry alone: what a webhook says of it counts for nothing, and neither does what one
fetch has moved, for several sources may share a copy of one repository.
"""

import asyncio

from app.db.gates import RefEvent
from app.git.keeping import keep_forced
from app.git.mirror import Mirror
from app.sync.passes import Parts, Pass

_MOVABLE = ("semver", "commit")
"""Kinds of refs that go from one commit to any other by their nature."""


def passed(last: str | None, ref: str, applied: str | None) -> str | None:
    """Return the commit let through last, None where another ref was followed then.

    `applied` stands for it in databases of earlier versions.
    """
    if last is None:
        return applied
    name, _, commit = last.rpartition("@")
    return commit if name == ref else None


async def judge(parts: Parts, now: Pass) -> None:
    """Keep what the ref has left behind, before anything else is written, and note the move."""
    origin, tip = parts.repository, now.tip or ""
    now.passed = passed(now.source.last_passed, parts.spec.ref, now.source.last_applied)
    if origin.site.location.is_own or (now.source.last_seen == tip and now.passed in (tip, None)):
        return
    old, kept = now.passed, None
    if old is not None and parts.spec.ref_kind[0] not in _MOVABLE:
        now.rewritten = not await asyncio.to_thread(_contains, origin.mirror, old, tip)
    if now.rewritten and old is not None:
        kept = await _keep(parts, now, old)
    if now.source.last_seen != tip and not parts.is_dry:
        at = parts.clock.now()
        await parts.sources.gates.note(
            RefEvent(now.source.id, parts.spec.ref, old, tip, at, now.rewritten, kept)
        )


async def _keep(parts: Parts, now: Pass, old: str) -> str | None:
    """Hold on to what was forced away; return the private ref. A trial keeps nothing."""
    origin, kept = parts.repository, None
    if not parts.is_dry:
        at = parts.clock.now()
        kept = await asyncio.to_thread(keep_forced, origin.mirror, origin.ref, old, at)
    where = f" and is kept as {kept}" if kept else ""
    if not kept and not await asyncio.to_thread(origin.mirror.has, old):
        where = " and is not here any more"
    now.notes.append(f"history was rewritten: {old[:12]} was forced away{where}")
    return kept


def _contains(mirror: Mirror, old: str, new: str) -> bool:
    return mirror.has(old) and mirror.is_ancestor(old, new)
