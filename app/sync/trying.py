"""What a sync would do, without doing it: the phases up to the plan, on an index of their own."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.db.records import Source, StoredFinding
from app.sync import activating, reading
from app.sync.contents import Contents
from app.sync.gate import hold_of
from app.sync.indexing import Indexer
from app.sync.passes import Parts, Pass, Settled

_PHASES = (
    ("RESOLVE", reading.resolve),
    ("FETCH", reading.fetch),
    ("VERIFY", reading.verify),
    ("DIFF", reading.diff),
    ("LOAD", reading.load),
    ("VALIDATE", reading.validate_flows),
    ("PLAN", activating.plan),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a sync would amount to."""

    source_id: str
    outcome: str
    """NOOP | SYNCED | PARTIAL | REJECTED | HELD"""
    reason: str
    old_commit: str | None
    new_commit: str | None
    counts: dict[str, int]
    """added, changed, deleted, invalid, namespaces, revisions."""
    moved: Sequence[str] = ()
    """Namespaces that would move: `tenant/namespace`."""
    stayed: Sequence[str] = ()
    findings: Sequence[StoredFinding] = ()
    """What would be wrong that is not known yet."""
    resolved: int = 0
    """How many known findings would be over."""
    phases: dict[str, float] = field(default_factory=dict)
    """Phase -> milliseconds."""
    dry_run: bool = True


async def try_sync(parts: Parts, source: Source) -> Trial:
    """Look at the repository and return what a sync would do; nothing is stored or activated.

    Commits are fetched: they are needed, and are only looked at.

    Raises:
        HeadwaterError: what a sync would fail by.
    """
    # What it reads must not count as stored: so it remembers by itself what it has read.
    contents = Contents(parts.types, parts.spec.max_flow_bytes)
    own = replace(
        parts,
        contents=contents,
        origin=None,
        opening=None,
        done=None,
        base=None,
        refused=None,
        is_dry=True,
        indexer=Indexer(source.id, parts.sources, contents, is_dry=True),
    )
    now = Pass("manual", source, parts.clock.now())
    try:
        return await _tried(own, now)
    finally:
        if own.origin is not None:
            await asyncio.to_thread(own.origin.close)


async def _tried(parts: Parts, now: Pass) -> Trial:
    try:
        for name, phase in _PHASES:
            begun = time.perf_counter()
            await phase(parts, now)
            now.phases[name] = round((time.perf_counter() - begun) * 1000, 3)
        hold = await hold_of(parts, now)
    except Settled as settled:
        return _trial(now, settled.outcome, settled.reason)
    if hold is not None:
        return _trial(now, "HELD", hold.message)
    return _trial(now, *_outcome(now))


def _outcome(now: Pass) -> tuple[str, str]:
    plan = now.plan
    if plan is None or not plan.activation.moved:
        is_held = plan is not None and plan.is_partial
        return ("REJECTED" if is_held else "NOOP"), ""
    return ("PARTIAL" if plan.is_partial else "SYNCED"), ""


def _trial(now: Pass, outcome: str, reason: str) -> Trial:
    plan = now.plan
    new = plan.activation if plan else None
    counts = plan.counts(len(now.revisions)) if plan else {}
    return Trial(
        source_id=now.source.id,
        outcome=outcome,
        reason="; ".join(filter(None, [reason, *now.notes])),
        old_commit=now.source.last_applied,
        new_commit=now.tip,
        counts=counts,
        moved=[f"{each.tenant}/{each.namespace}" for each in new.moved] if new else (),
        stayed=[f"{each.tenant}/{each.namespace}" for each in new.stayed] if new else (),
        findings=new.findings if new else (),
        resolved=len(new.resolved) if new else 0,
        phases=now.phases,
    )
