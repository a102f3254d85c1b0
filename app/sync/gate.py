"""The gate: what a commit that is valid may still have to wait for.

Rewritten history, redacted contents, a plan that takes too much away, and closed windows. Somebody
may approve a commit, which lets it pass that gate, or reject it: then only a newer one passes.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from app.db.activation import Activation
from app.db.gates import Decision
from app.db.records import FlowKey
from app.errors import Conflict
from app.git.survey import shown
from app.sync.mixing import left_behind
from app.sync.ownership import NamespaceKey
from app.sync.passes import Parts, Pass
from app.sync.plan import Plan
from app.sync.windows import Closed, Windows
from app.sync.withholding import withhold

PRUNE_LIMIT, WINDOW, FORCE_PUSH = "PRUNE_LIMIT", "WINDOW", "FORCE_PUSH"
REDACTED = "REDACTED"

_ALWAYS = 10
_SHARE = 0.2
_SHOWN = 5


class Hold(NamedTuple):
    """Why a commit has to wait, and what lets it pass."""

    code: str
    why: str
    way_out: str
    is_rejected: bool = False

    @property
    def waits(self) -> bool:
        """Whether it only waits for a window."""
        return self.code == WINDOW and not self.is_rejected

    @property
    def message(self) -> str:
        """What people are told."""
        return f"{self.code}: {self.why}; {self.way_out}"


def refusal(plan: Plan, *, active: Collection[FlowKey], root_missing: bool) -> str | None:
    """Return why a plan is held, None when it may go on.

    Held is what deletes more than ten flows and a fifth of all `active` ones, what leaves a tenant
    none of several, and what deletes any because the folder that the source reads is gone.
    """
    if plan.deleted == 0:
        return None
    if root_missing:
        return f"the source's folder is gone, {plan.deleted} flows with it"
    if plan.deleted > max(_ALWAYS, _SHARE * len(active)):
        return f"it deletes {plan.deleted} of {len(active)} flows"
    before = Counter(tenant for tenant, _, _ in active)
    after = Counter(tenant for tenant, _, _ in _left(plan, active))
    for tenant, count in sorted(before.items()):
        if count > 1 and not after[tenant]:
            return f"it leaves tenant {tenant} none of its {count} flows"
    return None


def _left(plan: Plan, active: Collection[FlowKey]) -> set[FlowKey]:
    """Return the flows that there are after the plan."""
    left = set(active)
    for flow in plan.activation.flows:
        (left.discard if flow.deleted else left.add)(flow.key)
    return left


async def hold_of(parts: Parts, now: Pass) -> Hold | None:
    """Return why the tip has to wait, None when it may become active (perhaps not all of it)."""
    decisions = await parts.sources.gates.decisions(now.source.id, now.tip or "")
    if decisions and decisions[0].word == "rejected":
        return _rejected(decisions[0])
    approved = await _approved(parts, now, decisions)
    for check in (_rewritten, _redacted, _pruning, _window):
        hold = await check(parts, now, approved)
        if hold is not None:
            return hold
    return None


async def _approved(parts: Parts, now: Pass, decisions: Sequence[Decision]) -> set[str]:
    """Return the holds that somebody lifted, since the ref came to this commit last.

    What was approved once may do other harm to what runs now: a branch that is forced back to a
    commit has to be asked about again.
    """
    if not decisions:
        return set()
    left = await parts.sources.gates.left_at(now.source.id, now.tip or "")
    return {each.hold for each in decisions if each.word == "approved" and each.run_id > left}


def _rejected(decision: Decision) -> Hold:
    return Hold(decision.hold, f"{decision.by} rejected it", "push a newer commit", True)


async def _rewritten(parts: Parts, now: Pass, approved: set[str]) -> Hold | None:
    policy = parts.spec.rewrites
    if not now.rewritten or policy == "follow":
        return None
    why = f"history was rewritten, {(now.passed or '')[:12]} is no ancestor of it"
    if policy == "deny":
        return Hold(FORCE_PUSH, why, "put the old history back: on_force_push is deny")
    return None if FORCE_PUSH in approved else Hold(FORCE_PUSH, why, _by_approval(parts, now))


async def _redacted(parts: Parts, now: Pass, _: set[str]) -> Hold | None:
    redacted = await parts.sources.keeping.redacted()
    found = [each.entry.path for each in now.survey.files if each.entry.oid in redacted]
    if not found:
        return None
    paths = ", ".join(sorted(map(shown, found))[:_SHOWN])
    return Hold(REDACTED, f"what {paths} holds was redacted", "push a commit without it")


async def _pruning(parts: Parts, now: Pass, approved: set[str]) -> Hold | None:
    if now.plan is None or now.plan.deleted == 0 or PRUNE_LIMIT in approved:
        return None
    active = {
        (each.tenant, each.namespace, each.flow_id)
        for each in parts.flows.active()
        if each.source_id == now.source.id
    }
    why = refusal(now.plan, active=active, root_missing=now.root_missing)
    if why is None or await _is_made_here(parts, now):
        return None
    return Hold(PRUNE_LIMIT, why, _by_approval(parts, now))


async def _is_made_here(parts: Parts, now: Pass) -> bool:
    """Return whether every new commit is an edit by this node: somebody wanted just that."""
    tip = now.tip or ""
    if tip not in parts.approved:
        return False
    mirror = parts.repository.mirror
    if now.passed is None or not mirror.has(now.passed):
        return True
    new = await asyncio.to_thread(first_parents, parts, now.passed, tip)
    return set(new) <= set(parts.approved)


async def _is_edit(parts: Parts, now: Pass) -> bool:
    """Return whether all that is new was written here: by the API, or into a working folder."""
    folder = parts.repository.site.working_folder
    return folder is not None or await _is_made_here(parts, now)


def first_parents(parts: Parts, old: str | None, new: str) -> list[str]:
    """Return the first-parent commits of `new` that `old` does not reach (blocking)."""
    git = parts.repository.mirror.repository.git
    exclude = (f"^{old}",) if old else ()
    text: str = git.rev_list("--first-parent", new, *exclude).text
    return text.split()


async def _window(parts: Parts, now: Pass, approved: set[str]) -> Hold | None:
    windows = Windows.of(parts.spec.windows)
    if not windows or now.plan is None or WINDOW in approved:
        return None
    at = parts.clock.now()
    by_hand = now.cause == "manual" or (now.cause == "write" and await _is_edit(parts, now))
    closed = _closed(windows, now.plan.activation, at, by_hand=by_hand)
    if not closed:
        return None
    parts.opens_at = windows.opens(closed, at)
    why = next(iter(closed.values())).why
    hold = Hold(WINDOW, f"closed by window {why}", _until(parts, now))
    if now.source.atomic == "commit":
        return hold
    await _leave(parts, now, now.plan, set(closed))
    if not now.plan.activation.moved:
        return hold
    now.hold = WINDOW
    now.notes.append(hold.message)
    return None


async def _leave(parts: Parts, now: Pass, plan: Plan, keys: set[NamespaceKey]) -> None:
    """Leave namespaces where they are, and those that need what these do not get."""
    while keys:
        withhold(plan, keys, now.snapshots, now.active)
        broken = {each.namespace for each in await left_behind(parts, now, plan)}
        keys = broken & {each[:2] for each in plan.activation.moved}


def _closed(
    windows: Windows, activation: Activation, at: int, *, by_hand: bool
) -> dict[NamespaceKey, Closed]:
    """Return the namespaces that would move and may not."""
    found: dict[NamespaceKey, Closed] = {}
    for each in activation.moved:
        key = each.tenant, each.namespace
        why = windows.closed(key, at)
        if why is not None and not (why.by_hand and by_hand):
            found[key] = why
    return found


def _until(parts: Parts, now: Pass) -> str:
    if parts.opens_at is None:
        return _by_approval(parts, now)
    return f"it passes when the window lets it; {_by_approval(parts, now)}"


def _by_approval(parts: Parts, now: Pass) -> str:
    if parts.is_dry:
        return "somebody has to approve it"
    return f"`headwater git approve {now.id}` lets it pass"


def refuse_unapprovable(hold: str, rewrites: str) -> None:
    """Refuse to approve what only a commit or the settings can mend.

    Raises:
        Conflict: saying what to do instead.
    """
    ways = {
        REDACTED: "push a commit without the redacted content",
    }
    if hold == FORCE_PUSH and rewrites == "deny":
        ways[FORCE_PUSH] = "put the old history back, or set on_force_push to hold"
    if hold in ways:
        message = f"{hold} cannot be approved: {ways[hold]}"
        raise Conflict(message)
