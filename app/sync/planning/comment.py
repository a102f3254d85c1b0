"""A plan as people read it in a pull request or on a terminal: Markdown, cut to a limit."""

import html
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from app.flows.differences import Difference
from app.sync.planning.changes import FlowChange
from app.sync.planning.markdown import code, fenced, plain, value
from app.sync.planning.plan import ChangePlan

if TYPE_CHECKING:
    from jinja2 import Template

LIMIT: Final = 65_535
"""How many characters a comment on GitHub may have."""

_SIZES: Final = ((200, 60, 100), (200, 10, 100), (100, 3, 50), (100, 0, 50), (30, 0, 20), (5, 0, 5))
"""Most flows, lines of differences of each, and findings: the next when a text is too long."""

_CUT: Final = "\n\n(This plan is longer than a comment may be.)\n"
_BLANK: Final = re.compile(r"\n{3,}")
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "!", "moved": "!"}


def marker(source_id: str) -> str:
    """Return what a comment is found by: at its very beginning, by the account that wrote it."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", source_id)
    return f"<!-- headwater-plan v1 source={safe} -->"


def plan_markdown(
    plan: ChangePlan,
    *,
    mark: str = "",
    link: str = "",
    limit: int = LIMIT,
    title: str = "Headwater plan",
) -> str:
    """Return the plan in Markdown, at most `limit` characters.

    Args:
        plan: the plan.
        mark: a first line that is not shown (see `marker`).
        link: where the whole plan can be read, told when it does not fit and at the end.
        limit: the longest text that the forge takes.
        title: the heading.
    """
    text = ""
    for flows, lines, findings in _SIZES:
        text = _render(plan, mark, link, title, (flows, lines, findings))
        if len(text) <= limit:
            return text
    whole = f"\n\n[The whole plan]({link})\n" if link else _CUT
    kept = text[: max(limit - len(whole), 0)]
    return kept[: kept.rfind("\n")] + whole if "\n" in kept else kept


def summary(plan: ChangePlan) -> str:
    """Return one line, as `Flows: 3 added, 1 changed; 2 errors, 1 warning.` is."""
    parts = [f"{count} {kind}" for kind, count in plan.counts.items()]
    others = sum(
        bool(each.variables or each.secrets or each.files or each.settings or each.tests)
        for each in plan.namespaces
    )
    text = f"Flows: {', '.join(parts)}" if parts else "No flow changes"
    if others:
        text += f"; other files of {others} namespace{'s' if others > 1 else ''}"
    if plan.others:
        text += f"; {len(plan.others)} file{'s' if len(plan.others) > 1 else ''} of the repository"
    warnings = len(plan.findings) - plan.errors
    for count, what in ((plan.errors, "error"), (warnings, "warning")):
        if count:
            text += f"; {count} {what}{'s' if count > 1 else ''}"
    dependents = len(plan.impact) - len(plan.changed_keys)
    if dependents:
        who = "1 other flow depends" if dependents == 1 else f"{dependents} other flows depend"
        text += f"; {who} on them"
    return f"{text}."


def difference_line(each: Difference) -> str:
    """Return a difference on one line, as `! tasks[a].retry.interval: "PT1M" → "PT5M"`."""
    sign = _SIGNS[each.kind]
    if each.kind == "added":
        return f"{sign} {each.path}: {value(each.after)}"
    if each.kind == "removed":
        return f"{sign} {each.path}: {value(each.before)}"
    if each.kind == "moved":
        return f"{sign} {each.path}: order {value(each.before)} → {value(each.after)}"
    return f"{sign} {each.path}: {value(each.before)} → {value(each.after)}"


def _render(plan: ChangePlan, mark: str, link: str, title: str, sizes: tuple[int, int, int]) -> str:
    text = _template().render(
        plan=plan,
        flows=list(plan.flows),
        namespaces=plan.namespaces,
        marker=mark,
        title=plain(title),
        summary=summary(plan),
        footer=_footer(plan, link),
        most_flows=sizes[0],
        most_lines=sizes[1],
        most_findings=sizes[2],
    )
    return _BLANK.sub("\n\n", text).strip() + "\n"


def _footer(plan: ChangePlan, link: str) -> str:
    span = f"{code(plan.base[:12])} … {code(plan.head[:12])}" if plan.base else code(plan.head[:12])
    return f"{span} · [the whole plan]({link})" if link else span


def _gist(flow: FlowChange) -> str:
    """Return what of a flow changes, in a few words: the places, without values."""
    places = dict.fromkeys(each.path.partition(".")[0] for each in flow.differences)
    shown = ", ".join(code(place) for place in list(places)[:4])
    more = f" and {len(places) - 4} more" if len(places) > 4 else ""
    moved = f"from {code(flow.old_path)}" if flow.old_path else ""
    return "; ".join(each for each in (f"{shown}{more}", moved) if each)


def _lines(flow: FlowChange, most: int) -> str:
    lines = [difference_line(each) for each in flow.differences[:most]]
    if len(flow.differences) > most:
        lines.append(f"  and {len(flow.differences) - most} more")
    return "\n".join(lines)


@cache
def _template() -> "Template":
    # Loaded with the first plan that is written: a service without reviews spares 0.1 s and 3 MB.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        loader=PackageLoader("app.sync.planning"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown: every text of others passes `code` or `plain`
        keep_trailing_newline=True,
    )
    environment.globals.update(
        code=code,
        fenced=fenced,
        plain=plain,
        value=value,
        gist=_gist,
        lines=_lines,
        html=html.escape,
    )
    return environment.get_template("plan.md.j2")
