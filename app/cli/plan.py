"""`headwater plan`: what a commit changes, told offline by the code that reviews run."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import clean, data, progress
from app.cli.repositories import (
    NATIVE,
    Shape,
    commit_view,
    folder_view,
    new_memory,
    refuse_missing_root,
    repository,
)
from app.flows.differences import Difference
from app.git.clone import Clone
from app.git.layout import Layout
from app.sync.planning.changes import FlowChange, KeyChange, NamespaceChange
from app.sync.planning.comment import difference_line, plan_markdown, summary
from app.sync.planning.memory import Memory
from app.sync.planning.plan import ChangePlan, make_change_plan
from app.sync.planning.tree import TreeView

_WHOLE = 1 << 30
_MOST_LINES = 40


def plan(
    span: Annotated[
        str,
        Parameter(
            name="BASE..HEAD",
            help="Two commits; with three dots what HEAD has changed since it left BASE; with BASE "
            "alone, what the working folder changes.",
        ),
    ] = "HEAD",
    /,
    *,
    impact: Annotated[
        bool, Parameter(negative=(), help="List the flows that depend on what changes.")
    ] = False,
    output: Annotated[
        Literal["text", "json", "markdown"],
        Parameter(name=["--output", "-o"], help="How to print."),
    ] = "text",
    repo: Annotated[Path, Parameter(help="The clone, or a folder in it.")] = Path(),
    shape: Shape = NATIVE,
) -> int:
    """Tell what a commit changes: flows, triggers, inputs, secrets; exit 1 on errors in it.

    No service is needed, and no network: commits are those that the clone has.
    """
    with repository(repo.absolute()) as clone:
        base, head = views(clone, span, shape.rules, new_memory())
        found = make_change_plan(base, head, now=datetime.now(UTC))
    if output == "json":
        print(orjson.dumps(found.to_json(), option=orjson.OPT_INDENT_2).decode())
    elif output == "markdown":
        data(plan_markdown(found, limit=_WHOLE), end="")
    else:
        for line in _lines(found, impact=impact):
            print(clean(line))
    progress(summary(found))
    return FAILED if found.errors else OK


def views(clone: Clone, span: str, layout: Layout, memory: Memory) -> tuple[TreeView, TreeView]:
    """Return the two trees that a span names.

    Raises:
        CommandError: when it is no span. RefNotFound: when a commit is not there.
    """
    dots = "..." if "..." in span else ".."
    first, found, second = span.partition(dots)
    if found and dots in second:
        message = f"{span!r} is not BASE..HEAD"
        raise CommandError(message, USAGE)
    old = clone.resolve(first or "HEAD")
    new = clone.resolve(second or "HEAD")
    refuse_missing_root(clone, layout, old, new)
    if not found:
        return commit_view(clone, old, layout, memory), folder_view(clone, layout, memory)
    if dots == "...":
        old = clone.merge_base(old, new)
    return commit_view(clone, old, layout, memory), commit_view(clone, new, layout, memory)


def _lines(found: ChangePlan, *, impact: bool) -> Iterator[str]:
    """Yield the plan as people read it on a terminal."""
    for each in found.namespaces:
        yield f"{each.tenant} {each.namespace}"
        yield from (f"  {line}" for line in _namespace(each, impact=impact))
    for file in found.others:
        yield f"{file.kind} {file.name}"
    if found.new_types:
        yield f"new types: {', '.join(found.new_types)}"
    for finding in found.findings:
        place = f"{finding.path}:{finding.line}:{finding.column}" if finding.line else finding.path
        fix = f" ({finding.fix})" if finding.fix else ""
        yield f"{place}: {finding.severity} {finding.code}: {finding.message}{fix}"
    for who, paths in found.approvers.items():
        yield f"must approve: {who} ({len(paths)} file{'s' if len(paths) > 1 else ''})"


def _namespace(change: NamespaceChange, *, impact: bool) -> Iterator[str]:
    for flow in change.flows:
        yield from _flow(flow, impact=impact)
    for each in change.variables:
        yield f"variable {each.key} {each.kind}{_values(each)}"
    for each in change.secrets:
        yield f"secret {each.key} {each.kind}"
    for each in change.preview_secrets:
        yield f"secret of previews {each.key} {each.kind}"
    for kind, files in (("file", change.files), ("test", change.tests)):
        yield from (f"{kind} {each.name} {each.kind}" for each in files)
    if change.settings:
        yield "settings of the namespace changed"


def _values(change: KeyChange) -> str:
    if change.kind != "changed":
        return ""
    return difference_line(Difference("", "changed", change.before, change.after)).removeprefix("!")


def _flow(flow: FlowChange, *, impact: bool) -> Iterator[str]:
    was = f" from {'.'.join(flow.old_key[1:])}" if flow.old_key else ""
    form = "" if flow.semantic or flow.kind != "changed" else " (form only)"
    yield f"{flow.kind} {flow.key[2]}{was}{form}"
    if flow.old_path:
        yield f"  moved from {flow.old_path}"
    yield from (f"  {difference_line(each)}" for each in flow.differences[:_MOST_LINES])
    if len(flow.differences) > _MOST_LINES:
        yield f"  and {len(flow.differences) - _MOST_LINES} more differences"
    for trigger in flow.triggers:
        before, after = (", ".join(each) or "never" for each in trigger.dates)
        if trigger.dates.before or trigger.dates.after:
            yield f"  trigger {trigger.id} {trigger.kind}: next {before} → {after}"
        else:
            yield f"  trigger {trigger.id} {trigger.kind}"
    for broken in flow.breaks:
        callers = _listed(f"{each.namespace}.{each.id}" for each in broken.callers)
        yield f"  breaks: {broken.change.message}{f'; concerns {callers}' if callers else ''}"
    if flow.new_secrets:
        yield f"  uses now the secrets {', '.join(flow.new_secrets)}"
    if flow.dependents:
        count = len(flow.dependents)
        who = "1 flow depends" if count == 1 else f"{count} flows depend"
        yield f"  {who} on it{':' if impact else ' (--impact lists them)'}"
    if impact:
        yield from (f"    {each.namespace}.{each.id}" for each in flow.dependents)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
