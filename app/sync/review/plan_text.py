"""The plan of a pull request in words: a line for the check, a page for check and comment."""

from app.db.pull_records import Pull
from app.sync.planning.comment import marker, plan_markdown, summary
from app.sync.planning.plan import ChangePlan
from app.sync.review.checks import NO_CHANGES, Told
from app.sync.review.leaks import Leaked


def plan_told(plan: ChangePlan, leaked: Leaked) -> Told:
    """Return what the check says of a plan; what is wrong in it, validation says."""
    if plan.is_empty:
        return NO_CHANGES
    page = leaked.hidden(plan_markdown(plan))
    return Told("success", summary(plan).removesuffix("."), page)


def plan_body(plan: ChangePlan, leaked: Leaked, pull: Pull, link: str) -> str:
    """Return the comment that tells a plan; `link` leads to all of it."""
    mark = marker(pull.source_id)
    if plan.is_empty:
        return f"{mark}\nNo flow changes.\n"
    return leaked.hidden(plan_markdown(plan, mark=mark, link=link))
