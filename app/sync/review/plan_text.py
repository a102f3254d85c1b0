"""The plan of a pull request in words: a line for the check, a page for check and comment."""

from app.db.pulls import Pull
from app.sync.planning.plan import ChangePlan
from app.sync.review.checks import NO_CHANGES, Told
from app.sync.review.comment import marker
from app.sync.review.texts import table

_ORDER = ("added", "changed", "removed", "renamed", "moved", "invalid")


def plan_told(plan: ChangePlan, page: str) -> Told:
    """Return what the check says of a plan; what is wrong in it, validation says."""
    if plan.is_empty:
        return NO_CHANGES
    return Told("success", _title(plan), page)


def plan_body(plan: ChangePlan, page: str, pull: Pull) -> str:
    """Return the comment that tells a plan."""
    head = marker(pull.source_id)
    if plan.is_empty:
        return f"{head}\nNo flow changes.\n"
    return page if page.startswith(head) else f"{head}\n{page}"


def _title(plan: ChangePlan) -> str:
    counts = plan.counts
    told = [f"{counts[kind]} {kind}" for kind in _ORDER if kind in counts]
    places = len(plan.namespaces)
    flows = ", ".join(told) or "no flow changes"
    return f"{flows} in {places} namespace{'' if places == 1 else 's'}"


def page_of(plan: ChangePlan) -> str:
    """Return the page that tells a plan."""
    rows = [
        (f"{each.key[0]}/{each.key[1]}", each.key[2], each.kind, each.path) for each in plan.flows
    ]
    return table(("Namespace", "Flow", "What", "File"), rows)
