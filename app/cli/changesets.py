"""`headwater git revert|changesets`, `headwater flow restore`: changes on their way to Git."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.numbers import Limit, Revision
from app.cli.options import DEFAULTS, Options, Reason
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, clean, moment, show

_HEADINGS = ("CHANGESET", "STATE", "KIND", "TITLE", "BY", "AT", "WHERE")

DryRun = Annotated[bool, Parameter(help="Only show what it would do: a diff.", negative=())]


def revert(
    *commits: Annotated[str, Parameter(help="Commits, or how their ids begin.")],
    source: Annotated[str, Parameter(help="The id of the source.")] = "main",
    mode: Annotated[
        Literal["push", "pr", "restore"] | None,
        Parameter(help="Push it, open a pull request, or put files back (cannot conflict)."),
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> None:
    """Take commits out of the branch again; a protected branch gets a pull request."""
    if not commits:
        message = "name the commits to revert"
        raise CommandError(message, USAGE)
    body = {"commits": list(commits), "mode": mode, "reason": reason, "dryRun": dry_run}
    with Client(options) as client:
        _told(client.post(path_of("sources", source, "revert"), body), options)


def restore(
    *name: Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")],
    revision: Revision = None,
    commit: Annotated[str | None, Parameter(help="A commit, or how its id begins.")] = None,
    mode: Annotated[
        Literal["push", "pr"] | None, Parameter(help="Push it, or open a pull request.")
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> None:
    """Write an earlier revision of a flow back into Git; it may have been deleted since."""
    body = {
        "revision": revision,
        "commit": commit,
        "mode": mode,
        "reason": reason,
        "dryRun": dry_run,
    }
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        _told(client.post(client.path("flows", namespace, flow_id, "restore"), body), options)


def changesets(
    changeset: Annotated[str | None, Parameter(help="Only this one, as it stands now.")] = None,
    *,
    state: Annotated[list[str] | None, Parameter(help="In one of these states.")] = None,
    source: Annotated[str | None, Parameter(help="Of this source.")] = None,
    submit: Annotated[bool, Parameter(help="Make its commit.", negative=())] = False,
    abandon: Annotated[bool, Parameter(help="Give it up.", negative=())] = False,
    reason: Reason = "",
    limit: Limit = 20,
    options: Options = DEFAULTS,
) -> None:
    """List edits and reverts on their way to Git; show, submit or give up one of them."""
    if changeset is None and (submit or abandon):
        message = "name the changeset"
        raise CommandError(message, USAGE)
    with Client(options) as client:
        if changeset is None:
            query = {"state": state, "source": source, "limit": limit}
            found = client.get(client.path("changesets"), query)
            rows = [_row(each) for each in found]
            names = [each["id"] for each in found]
            show(found, options.output, names=names, table=Table(_HEADINGS, rows))
            return
        if submit:
            made = client.post(client.path("changesets", changeset, "submit"), {})
        elif abandon:
            made = client.post(client.path("changesets", changeset, "abandon"), {"reason": reason})
        else:
            made = client.get(client.path("changesets", changeset))
    _told(made, options)


def _told(answer: dict[str, Any], options: Options) -> None:
    """Show a changeset, or the diff of a trial."""
    if answer.get("dryRun"):
        if options.output == "table":
            print(clean(answer["diff"]), end="")
            return
        show(answer, options.output, names=answer["paths"], table=Table((), ()))
        return
    facts = {
        "changeset": answer["id"],
        "state": answer["state"],
        "title": answer["title"],
        "commit": answer.get("commit"),
        "branch": answer.get("branch"),
        "pull request": _where(answer),
        "error": answer.get("error"),
    }
    show(answer, options.output, names=[answer["id"]], table=Table.of(facts))


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    at = moment(each["updatedAt"])
    return (
        each["id"], each["state"], each["kind"], each["title"], each["owner"], at,
        _where(each) or each.get("branch") or "",
    )  # fmt: skip


def _where(answer: dict[str, Any]) -> str | None:
    pull = answer.get("pullRequest")
    return (pull["url"] or f"#{pull['number']}") if pull else None
