"""`headwater git sources|add|remove|suspend|resume`: which repositories are followed."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.options import DEFAULTS, Options, Reason, pairs
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, moment, progress, show

SOURCES = "/api/v1/sources"

SourceId = Annotated[str, Parameter(name="SOURCE", help="The id of the source.")]
Layout = Literal["native", "kestra"]


def listed(*, options: Options = DEFAULTS) -> None:
    """List the sources: what is followed, and how each one stands."""
    with Client(options) as client:
        found = client.get(SOURCES)
    rows = [
        (
            each["id"],
            each.get("url") or "its own",
            each["ref"],
            (each.get("lastApplied") or "")[:8],
            _standing(each),
            moment(each.get("lastSyncAt")),
        )
        for each in found
    ]
    names = [each["id"] for each in found]
    head = ("SOURCE", "REPOSITORY", "REF", "APPLIED", "STATE", "SYNCED")
    show(found, options.output, names=names, table=Table(head, rows))


def add(  # noqa: PLR0913 - each is an option of the command
    source_id: SourceId,
    repo: Annotated[str, Parameter(name="REPO", help="Its address, by https or ssh.")],
    *,
    ref: Annotated[
        str | None, Parameter(help="Branch, or tag:…, semver:…, commit:… (main by default).")
    ] = None,
    root: Annotated[str | None, Parameter(help="Folder that holds tenants/.")] = None,
    layout: Annotated[Layout | None, Parameter(help="How it is laid out.")] = None,
    owns: Annotated[
        list[str] | None, Parameter(negative=(), help="Pattern of namespaces that it owns.")
    ] = None,
    map_tenant: Annotated[
        list[str] | None, Parameter(negative=(), help="Tenant of a folder: FOLDER=TENANT.")
    ] = None,
    credentials: Annotated[
        str | None, Parameter(help="Configured source whose credentials are used.")
    ] = None,
    reason: Reason = "",
    options: Options = DEFAULTS,
) -> None:
    """Add a repository to follow; secrets are named by the server's configuration only."""
    wish = {
        "id": source_id,
        "repo": repo,
        "ref": ref,
        "root": root,
        "layout": layout,
        "namespaces": owns,
        "tenants": dict(pairs(map_tenant, "--map-tenant")) or None,
        "credentials": credentials,
    }
    body = {key: value for key, value in wish.items() if value is not None}
    with Client(options) as client:
        made = client.answered("POST", SOURCES, query={"reason": reason}, json=body)
    show(made, options.output, names=[made["id"]], table=Table.of(_facts(made)))


def remove(
    source_id: SourceId,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="With all its flows.")] = False,
    reason: Reason = "",
    options: Options = DEFAULTS,
) -> None:
    """Stop following a repository that was added here; its flows are deleted."""
    if not yes:
        message = f"source {source_id} and its flows would be removed; say --yes to do it"
        raise CommandError(message, USAGE)
    with Client(options) as client:
        query = {"confirm": "true", "reason": reason}
        done = client.answered("DELETE", path_of("sources", source_id), query=query)
    progress(f"source {source_id} is removed, {done['flows']} flows with it")


def suspend(source_id: SourceId, *, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Stop following a repository for now: what is active stays active."""
    _turn(source_id, "suspend", reason, options)
    progress(f"source {source_id} is suspended")


def resume(source_id: SourceId, *, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Follow a repository again."""
    _turn(source_id, "resume", reason, options)
    progress(f"source {source_id} is followed again")


def _turn(source_id: str, verb: str, reason: str, options: Options) -> None:
    with Client(options) as client:
        client.ask("POST", path_of("sources", source_id, verb), query={"reason": reason})


def _standing(source: Mapping[str, Any]) -> str:
    if source.get("suspendedAt"):
        return "suspended"
    for each in source.get("conditions") or ():
        if each["type"] == "Ready":
            return "ready" if each["status"] else str(each["reason"])
    return "new"


def _facts(source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": source["id"],
        "repository": source.get("url"),
        "ref": source["ref"],
        "state": _standing(source),
    }


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "sources": listed,
    "add": add,
    "remove": remove,
    "suspend": suspend,
    "resume": resume,
}
"""The commands by name."""
