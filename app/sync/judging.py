"""What the gate notes of commits: which passed, which wait, and which were held and stay out.

Who names a commit gets the files, variables and defaults that it has, also for flows that it does
not change: so what never passed must not be named, however many commits passed since.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from app.db.gates import HELD, PASSED, UNJUDGED, WAITS, marks, new_pass
from app.db.sql import Write
from app.git.repository import ok
from app.sync.passes import Parts, Pass

_ALL_JUDGED = ("range", "strict")
"""Signature rules by which whatever comes in is signed, not only the tip."""


async def hold_marks(parts: Parts, now: Pass, *, waits: bool) -> Sequence[Write]:
    """Return what notes that the tip is held, and with it what lies below it.

    `waits`: only a closed window keeps it. What waits for more than that goes on doing so.
    """
    kept = await parts.sources.gates.kept_out(now.source.id)
    word, others = (WAITS, (UNJUDGED,)) if waits else (HELD, (UNJUDGED, WAITS))
    kept = {sha: each for sha, each in kept.items() if each in others}
    if not kept:
        return ()
    new = await asyncio.to_thread(_new, parts, [now.tip or ""], now.passed)
    return [marks(now.source.id, word, sorted(new & kept.keys()))]


async def pass_marks(parts: Parts, now: Pass) -> tuple[Sequence[Write], set[str]]:
    """Return what notes that the tip passes, and the commits that stay out all the same.

    What was never held passes with it, and what only waited for a window. What was held passes by
    a tip that was held as well, until somebody approved it: not by one that puts things right.
    """
    kept = await parts.sources.gates.kept_out(now.source.id)
    if not kept:
        return (), set()
    unjudged = {sha for sha, word in kept.items() if word == UNJUDGED}
    out = await _stopped(parts, now, unjudged) if unjudged else set()
    out |= await asyncio.to_thread(_left_behind, parts, now, unjudged - out)
    freed = await asyncio.to_thread(_freed, parts, now, kept)
    source = now.source.id
    writes = [marks(source, HELD, sorted(out)), marks(source, PASSED, sorted(freed))]
    if unjudged - out:
        writes.append(new_pass(source))
    held = {sha for sha, word in kept.items() if word == HELD}
    return [each for each in writes if each.rows], (held | out) - freed


async def _stopped(parts: Parts, now: Pass, unjudged: Collection[str]) -> set[str]:
    """Return the new commits that their signature kept out, until others came on top of them."""
    tips = await parts.sources.gates.stopped(now.source.id)
    if now.tip in tips:
        return set()
    lets = ("approved", "") if parts.spec.signatures in _ALL_JUDGED else ("approved",)
    out = [sha for sha, word in tips.items() if sha in unjudged and word not in lets]
    new = await asyncio.to_thread(_new, parts, out, now.passed) if out else set()
    return new.intersection(unjudged)


def _left_behind(parts: Parts, now: Pass, unjudged: Collection[str]) -> set[str]:
    """Return the commits that the ref left before they were at the gate (blocking)."""
    left = set(unjudged)
    if left:
        left -= _new(parts, [now.tip or ""], now.passed)
    return left - reached(parts, left, now.tip or "")


def _freed(parts: Parts, now: Pass, kept: dict[str, str]) -> set[str]:
    """Return what waits, or is held, no longer (blocking)."""
    tip = now.tip or ""
    words = (WAITS, HELD) if kept.get(tip) == HELD else (WAITS,)
    freed = {sha for sha, word in kept.items() if word in words}
    new = _new(parts, [tip], now.passed) if freed else set()
    return freed & new if tip in new else reached(parts, freed, tip)


def _new(parts: Parts, tips: Sequence[str], passed: str | None) -> set[str]:
    """Return the commits that tips have and what passed last has not (blocking)."""
    mirror = parts.repository.mirror
    exclude = [passed] if passed is not None and mirror.has(passed) else []
    return _listed(parts, [each for each in tips if mirror.has(each)], exclude)


def reached(parts: Parts, commits: Iterable[str], tip: str) -> set[str]:
    """Return those of some commits that the tip has (blocking)."""
    here = {each for each in commits if parts.repository.mirror.has(each)}
    return here - _listed(parts, sorted(here), [tip]) if here else set()


def _listed(parts: Parts, tips: Sequence[str], without: Sequence[str]) -> set[str]:
    """Return the commits of `tips` that those of `without` do not have (blocking)."""
    lines = "".join(f"{each}\n" for each in (*tips, *(f"^{each}" for each in without)))
    git = parts.repository.mirror.repository.git
    outcome = git.rev_list("--stdin", stdin=lines.encode())
    return set(ok(outcome, "Listing commits").text.split())
