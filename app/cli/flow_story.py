"""`headwater flow history`, `status`, `disable`, `enable` and `limit`: a flow beside Git."""

from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.numbers import MOST, whole
from app.cli.options import DEFAULTS, Options, Reason
from app.cli.printing import Table, moment, progress, show

Name = Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")]
Until = Annotated[str | None, Parameter(help="When it ends by itself: a time (RFC 3339).")]


def history(*name: Name, options: Options = DEFAULTS) -> None:
    """Tell the story of a flow, newest first: revisions and moves, how they went, who did what."""
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        found = client.get(client.path("flows", namespace, flow_id, "history"))
    rows = [_ROWS.get(each["type"], _of_deed)(each) for each in found]
    headings = ("", "REVISION", "COMMIT", "REMARK", "AUTHOR", "AT", "SUBJECT", "EXECUTIONS")
    names = [str(each["revision"]) for each in found if each["type"] == "revision"]
    show(found, options.output, names=names, table=Table(headings, rows))


def _of_revision(each: dict[str, Any]) -> tuple[Any, ...]:
    return (
        "*" if each["runs"] else "",
        each["revision"],
        each["commit"][:8],
        _remark(each),
        each["author"],
        moment(each["at"]),
        each["subject"],
        ", ".join(f"{count} {state}" for state, count in sorted(each["executions"].items())),
    )


def _of_deed(each: dict[str, Any]) -> tuple[Any, ...]:
    pins = each["detail"].get("pins") or ()
    to = f" to revision {pins[0]['revision']}" if pins and "unpin" not in each["type"] else ""
    verb = each["type"].removeprefix("flow.") + to
    return ("", "", "", verb, each["actor"], moment(each["at"]), each["reason"], "")


def _of_move(each: dict[str, Any]) -> tuple[Any, ...]:
    detail = each["detail"]
    told = f"moved from {detail['from']} to {detail['to']}"
    return (
        "",
        "",
        detail["commit"][:8],
        told,
        each["actor"],
        moment(each["at"]),
        each["reason"],
        "",
    )


_ROWS = {"revision": _of_revision, "flow.move": _of_move}


def _remark(revision: dict[str, Any]) -> str:
    """Return what is unusual about a revision."""
    usual = ("active", "superseded")
    kind = revision["kind"] if revision["kind"] != "commit" else ""
    return kind or (revision["state"] if revision["state"] not in usual else "")


def status(*name: Name, options: Options = DEFAULTS) -> None:
    """Show how a flow stands: beside Git, and by its executions of the last day."""
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        found = client.get(client.path("flows", namespace, flow_id, "status"))
        held = client.get(client.path("flows", namespace, flow_id, "overlays"))
    held = [each for each in held if not each.get("endedAt")]
    facts = {
        "flow": f"{namespace}.{flow_id}",
        "sync": found["sync"],
        "health": found["health"],
        "revision": found.get("revision"),
        "newest": found.get("newest"),
        "behind": found.get("behind"),
        "executions": ", ".join(f"{n} {state}" for state, n in found["executions"].items()),
        "overridden": ", ".join(_overlay(each) for each in held),
    }
    table = Table.of(facts)
    show({**found, "overlays": held}, options.output, names=[f"{found['sync']}"], table=table)


def _overlay(overlay: dict[str, Any]) -> str:
    what = overlay.get("triggerId") or overlay.get("value") or ""
    return f"{overlay['kind']} {what} by {overlay['owner']}".replace("  ", " ")


def disable(
    *name: Name, reason: Reason = "", until: Until = None, options: Options = DEFAULTS
) -> None:
    """Let no execution of a flow start, whatever Git says; no commit is made."""
    _override(name, {"kind": "disabled", "reason": reason, "expiresAt": until}, options)
    progress(f"{'.'.join(name)} is disabled")


def enable(
    *name: Name, reason: Reason = "", until: Until = None, options: Options = DEFAULTS
) -> None:
    """Let executions of a flow start again, also where its source disables it."""
    body = {"kind": "disabled", "disabled": False, "reason": reason, "expiresAt": until}
    _override(name, body, options)
    progress(f"{'.'.join(name)} is enabled")


def limit(
    *name: Name,
    to: Annotated[
        int,
        Parameter(help="How many executions may run at once.", converter=whole(1, MOST)),
    ],
    reason: Reason = "",
    until: Until = None,
    options: Options = DEFAULTS,
) -> None:
    """Let so many executions of a flow run at once, whatever its source says."""
    body = {"kind": "concurrency", "limit": to, "reason": reason, "expiresAt": until}
    _override(name, body, options)
    progress(f"{'.'.join(name)} runs {to} executions at once")


def _override(name: tuple[str, ...], body: dict[str, Any], options: Options) -> None:
    given = {key: value for key, value in body.items() if value is not None}
    with Client(options) as client:
        client.post(client.path("flows", *client.flow(name), "overlays"), given)
