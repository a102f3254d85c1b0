"""Pins and rollbacks of flows, namespaces and sources; and all that differs from Git."""

from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.numbers import Revision
from app.cli.options import DEFAULTS, Options, Reason
from app.cli.printing import Table, moment, progress, show

Name = Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")]
Commit = Annotated[str | None, Parameter(help="A commit, or how its id begins.")]
Back = Annotated[str, Parameter(help="The commit to go back to, or how its id begins.")]
Until = Annotated[str, Parameter(help="changed, manual, or a time.")]
Confirm = Annotated[
    bool,
    Parameter(
        help="Go on although triggers, inputs or secrets do not fit the present.", negative=()
    ),
]
DryRun = Annotated[bool, Parameter(help="Only show what it would do.", negative=())]
Source = Annotated[str, Parameter(help="The id of the source.")]


def rollback(
    *name: Name,
    to: Annotated[
        str | None, Parameter(help="Commit or revision; by default the last good.")
    ] = None,
    reason: Reason = "",
    until: Until = "changed",
    confirm: Confirm = False,
    dry_run: DryRun = False,
    pull_request: Annotated[
        bool, Parameter(help="Open a pull request that takes Git back, too.")
    ] = True,
    options: Options = DEFAULTS,
) -> None:
    """Let new executions run an earlier revision, at once; Git follows by a pull request."""
    body = {
        "to": to,
        "reason": reason,
        "until": until,
        "confirm": confirm,
        "dryRun": dry_run,
        "pullRequest": pull_request,
    }
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        answer = client.post(client.path("flows", namespace, flow_id, "rollback"), body)
    _answered(answer, f"{namespace}.{flow_id}", options)


def pin(
    *name: Name,
    revision: Revision = None,
    commit: Commit = None,
    reason: Reason = "",
    until: Until = "changed",
    confirm: Confirm = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> None:
    """Hold a flow at a revision, whatever Git says."""
    body = {
        "revision": revision,
        "commit": commit,
        "reason": reason,
        "until": until,
        "confirm": confirm,
        "dryRun": dry_run,
    }
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        answer = client.post(client.path("flows", namespace, flow_id, "pin"), body)
    _answered(answer, f"{namespace}.{flow_id}", options)


def unpin(*name: Name, reason: Reason = "", options: Options = DEFAULTS) -> None:
    """Let a flow run again what Git says."""
    with Client(options) as client:
        namespace, flow_id = client.flow(name)
        path = client.path("flows", namespace, flow_id, "pin")
        client.ask("DELETE", path, query={"reason": reason or None})
    progress(f"{namespace}.{flow_id} runs what Git says")


def _answered(answer: dict[str, Any], flow: str, options: Options) -> None:
    if "revision" not in answer:
        _show_plan(answer, options)
        return
    facts = {
        "flow": flow,
        "runs": f"revision {answer['revision']} ({answer['commit'][:8]})",
        "until": answer["until"],
        "reason": answer.get("reason"),
    }
    show(answer, options.output, names=[flow], table=Table.of(facts))


def _show_plan(plan: dict[str, Any], options: Options) -> None:
    rows = [
        (
            f"{each['namespace']}.{each['flowId']}",
            each["from"],
            each["to"],
            "; ".join(concern["message"] for concern in each["concerns"]),
        )
        for each in plan["flows"]
    ]
    rows += [(f"{each['namespace']}.{each['flowId']}", "", "", each["reason"])
             for each in plan["left"]]  # fmt: skip
    names = [str(row[0]) for row in rows]
    table = Table(("FLOW", "FROM", "TO", "TO CONFIRM"), rows)
    show(plan, options.output, names=names, table=table)


def pin_namespace(
    namespace: Annotated[str, Parameter(help="The namespace.")],
    *,
    commit: Back,
    reason: Reason = "",
    until: Until = "changed",
    confirm: Confirm = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> None:
    """Hold all flows of a namespace at what a commit says."""
    body = {"commit": commit, "reason": reason, "until": until, "confirm": confirm}
    with Client(options) as client:
        path = client.path("namespaces", namespace, "pin")
        answer = client.post(path, {**body, "dryRun": dry_run})
    _several(answer, options)


def unpin_namespace(
    namespace: Annotated[str, Parameter(help="The namespace.")],
    *,
    reason: Reason = "",
    options: Options = DEFAULTS,
) -> None:
    """Let the flows of a namespace run again what Git says."""
    with Client(options) as client:
        path = client.path("namespaces", namespace, "pin")
        client.ask("DELETE", path, query={"reason": reason or None})
    progress(f"{namespace} runs what Git says")


def pin_source(
    *,
    commit: Back,
    source: Source = "main",
    reason: Reason = "",
    until: Until = "changed",
    confirm: Confirm = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> None:
    """Hold all flows of a source at what a commit says."""
    body = {"commit": commit, "reason": reason, "until": until, "confirm": confirm}
    with Client(options) as client:
        answer = client.post(path_of("sources", source, "pin"), {**body, "dryRun": dry_run})
    _several(answer, options)


def unpin_source(
    *, source: Source = "main", reason: Reason = "", options: Options = DEFAULTS
) -> None:
    """Let the flows of a source run again what Git says."""
    with Client(options) as client:
        path = path_of("sources", source, "pin")
        client.ask("DELETE", path, query={"reason": reason or None})
    progress(f"source {source} runs what Git says")


def _several(answer: Any, options: Options) -> None:
    if isinstance(answer, dict):
        _show_plan(answer, options)
        return
    rows = [(f"{each['namespace']}.{each['flowId']}", each["revision"]) for each in answer]
    names = [str(name) for name, _ in rows]
    show(answer, options.output, names=names, table=Table(("FLOW", "RUNS REVISION"), rows))


def drift(*, options: Options = DEFAULTS) -> None:
    """List all that differs from Git: pins, and what is disabled or limited by hand."""
    with Client(options) as client:
        found = client.get("/api/v1/drift", {"tenant": options.tenant})
    rows = [
        (
            f"{each['namespace']}.{each['flowId']}",
            f"pinned to revision {each['revision']}",
            each["actor"],
            each["until"],
            each["reason"],
        )
        for each in found["pins"]
    ]
    rows += [
        (
            f"{each['namespace']}.{each['flowId']}",
            f"{each['kind']} {each['triggerId'] or each['value']}",
            each["owner"],
            moment(each.get("expiresAt")),
            each["reason"],
        )
        for each in found["overlays"]
    ]
    names = [str(row[0]) for row in rows]
    table = Table(("FLOW", "WHAT", "BY", "UNTIL", "REASON"), rows)
    show(found, options.output, names=names, table=table)


def place(
    namespace: Annotated[str, Parameter(help="The namespace.")], *, options: Options = DEFAULTS
) -> None:
    """Show how a namespace and each of its flows stand."""
    with Client(options) as client:
        found = client.get(client.path("namespaces", namespace, "status"))
    rows = [
        (each["flowId"], each["sync"], each["health"], each.get("revision"), each.get("newest"))
        for each in found["flows"]
    ]
    rows.append(("", found["sync"], found["health"], "", ""))
    table = Table(("FLOW", "SYNC", "HEALTH", "REVISION", "NEWEST"), rows)
    show(found, options.output, names=[found["sync"]], table=table)
