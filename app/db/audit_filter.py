"""Which entries of the audit log are wanted, as conditions of SQL."""

from typing import Any, NamedTuple

from sqlalchemy import func, not_, or_

from app.access import Reach
from app.db.reaching import within_reach
from app.db.tables import AuditRow

_AUDIT: Any = AuditRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_OF_REQUEST = '{"route":'
"""How the detail of an entry about a request begins."""


class AuditFilter(NamedTuple):
    """Which entries are wanted; None stands for all."""

    tenant: str | None = None
    """"" is the instance."""
    target: str | None = None
    action: str | None = None
    """With a dot at its end: every action that begins like this."""
    actor: str | None = None
    since: int | None = None
    """µs since the epoch."""
    until: int | None = None
    after: str | None = None
    """The id of the last entry of the page before."""
    outcome: str | None = None
    request_id: str | None = None
    namespace: str | None = None
    """With all below it."""
    reach: Reach | None = None
    """The namespaces that may be seen; entries of none belong to the whole tenant."""
    text: str | None = None
    """Part of actor, action, target or reason."""
    actor_id: str | None = None
    flow_id: str | None = None
    """Of any namespace."""
    name: str | None = None
    """How a target ends: what comes after its kind."""
    things: tuple[str, ...] = ()
    """How an action may begin, without the dot."""
    verbs: tuple[str, ...] = ()
    """How an action may end: its last word."""
    no_verbs: tuple[str, ...] = ()
    deeds: bool = False
    """Whether only entries are wanted that tell what was done, none about a request as such."""


def conditions(wanted: AuditFilter) -> list[Any]:
    """Return what must hold of an entry."""
    columns = _AUDIT.c
    exact = (
        (columns.tenant, wanted.tenant),
        (columns.target, wanted.target),
        (columns.actor, wanted.actor),
        (columns.actor_id, wanted.actor_id),
        (columns.request_id, wanted.request_id),
    )
    checks = [column == value for column, value in exact if value is not None]
    checks += _times(wanted)
    if wanted.action is not None:
        begins = columns.action.startswith(wanted.action, autoescape=True)
        checks.append(begins if wanted.action.endswith(".") else columns.action == wanted.action)
    if wanted.outcome is not None:
        checks.append(func.coalesce(columns.outcome, "success") == wanted.outcome)
    if wanted.namespace is not None:
        below = columns.namespace.startswith(f"{wanted.namespace}.", autoescape=True)
        checks.append((columns.namespace == wanted.namespace) | below)
    checks += _words(wanted)
    if wanted.text is not None:
        seen = (columns.actor, columns.action, columns.target, columns.reason)
        holds = [each.icontains(wanted.text, autoescape=True) for each in seen]
        checks.append(holds[0] | holds[1] | holds[2] | holds[3])
    return [*checks, *within_reach(columns.namespace, wanted.reach)]


def _words(wanted: AuditFilter) -> list[Any]:
    action, target = _AUDIT.c.action, _AUDIT.c.target
    checks: list[Any] = []
    if wanted.flow_id is not None:
        ending = target.endswith(f".{wanted.flow_id}", autoescape=True)
        checks += [target.startswith("flow/"), ending]
    if wanted.name is not None:
        checks.append(target.endswith(f"/{wanted.name}", autoescape=True))
    if wanted.things:
        checks.append(or_(*(_begins(action, each) for each in wanted.things)))
    if wanted.verbs:
        checks.append(or_(*(_ends(action, each) for each in wanted.verbs)))
    checks += [not_(_ends(action, each)) for each in wanted.no_verbs]
    if wanted.deeds:
        checks.append(not_(_AUDIT.c.detail.startswith(_OF_REQUEST, autoescape=True)))
    return checks


def _begins(action: Any, thing: str) -> Any:
    return (action == thing) | action.startswith(f"{thing}.", autoescape=True)


def _ends(action: Any, verb: str) -> Any:
    return (action == verb) | action.endswith(f".{verb}", autoescape=True)


def _times(wanted: AuditFilter) -> list[Any]:
    columns = _AUDIT.c
    checks = []
    if wanted.since is not None:
        checks.append(columns.at >= wanted.since)
    if wanted.until is not None:
        checks.append(columns.at < wanted.until)
    if wanted.after is not None:
        checks.append(columns.id < wanted.after)
    return checks
