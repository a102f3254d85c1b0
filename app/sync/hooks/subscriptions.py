"""Whether a webhook tells of everything that is acted on; a condition of the source says so."""

from collections.abc import Collection, Mapping

from app.config import SourceSettings
from app.db.records import Condition
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
TYPE = "Webhook"

_PUSH: Mapping[str, tuple[str, ...]] = {
    "gitlab": ("push_events",),
    "bitbucket": ("repo:push",),
}
_REVIEW: Mapping[str, tuple[str, ...]] = {
    "gitlab": ("merge_requests_events", "note_events"),
    "bitbucket": (
        "pullrequest:created",
        "pullrequest:updated",
        "pullrequest:fulfilled",
        "pullrequest:rejected",
        "pullrequest:comment_created",
    ),
}
_APP = ("check_run",)


def needed(kind: str, spec: SourceSettings) -> tuple[str, ...]:
    """Return the events that a source needs of its forge, in the forge's own words."""
    push = _PUSH.get(kind, ("push",))
    if spec.forge is None:
        return push
    review = _REVIEW.get(kind, ("pull_request", "issue_comment"))
    return push + review + (_APP if spec.forge_app_id else ())


def missing(kind: str, spec: SourceSettings, there: Collection[str]) -> list[str]:
    """Return the needed events that a webhook does not tell of."""
    if "*" in there:
        return []
    return [event for event in needed(kind, spec) if event not in there]


def tell(worker: SourceWorker, reason: str, message: str, at: int) -> None:
    """Note how a source's webhook stands; `reason` `Subscribed` is good. Its next run shows it."""
    good = reason == "Subscribed"
    before = worker.parts.told.get(TYPE)
    if before is not None and (before.reason, before.message) == (reason, message):
        return
    worker.parts.told[TYPE] = Condition(TYPE, good, reason, message, at)
    if not good:
        _LOG.warning("webhook", source=worker.id, reason=reason, message=message)


def judge(worker: SourceWorker, kind: str, there: Collection[str], at: int) -> list[str]:
    """Note whether a webhook has the events that are needed; return those that it lacks."""
    lacking = missing(kind, worker.spec, there)
    if lacking:
        text = f"the webhook lacks the events {', '.join(lacking)}: add them at the forge"
        tell(worker, "EventsMissing", text, at)
    else:
        tell(worker, "Subscribed", "", at)
    return lacking
