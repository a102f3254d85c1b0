"""`headwater git pulls [N]`: pull requests, and what reviews found."""

from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.addresses import path_of
from app.cli.client import Client
from app.cli.numbers import MOST, whole
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK
from app.cli.printing import Table, moment, show

_PULLS = "/api/v1/pulls"
_SHOWN = 8


def pulls(
    number: Annotated[
        int | None,
        Parameter(
            name="N",
            help="Show this one: its last review and findings.",
            converter=whole(1, MOST),
        ),
    ] = None,
    *,
    source: Annotated[str, Parameter(help="The id of the source.")] = "main",
    closed: Annotated[bool, Parameter(help="Those too that are not open.", negative=())] = False,
    options: Options = DEFAULTS,
) -> int:
    """List pull requests, or show one; exit 1 when its last review failed."""
    with Client(options) as client:
        if number is not None:
            found = client.get(path_of("pulls", source, str(number)))
            return _show(found, options)
        query = {"source": source, "state": None if closed else "open"}
        listed = client.get(_PULLS, query)
    rows = [
        (each["number"], _state(each), each["author"], each["headSha"][:_SHOWN], each["title"])
        for each in listed
    ]
    names = [str(each["number"]) for each in listed]
    head = ("PULL", "STATE", "AUTHOR", "HEAD", "TITLE")
    show(listed, options.output, names=names, table=Table(head, rows))
    return OK


def _state(pull: dict[str, Any]) -> str:
    return "draft" if pull.get("draft") and pull["state"] == "open" else str(pull["state"])


def _show(pull: dict[str, Any], options: Options) -> int:
    reviews = pull.get("reviews") or []
    last = reviews[0] if reviews else {}
    outcome = last.get("outcome") or last.get("state")
    if options.output != "table":
        show(pull, options.output, names=[str(pull["number"])], table=Table((), ()))
    else:
        _print(pull, last, outcome)
    return FAILED if outcome in ("failure", "failed") else OK


def _print(pull: dict[str, Any], last: dict[str, Any], outcome: str | None) -> None:
    facts = {
        "pull request": pull["number"],
        "title": pull["title"],
        "state": _state(pull),
        "author": pull["author"],
        "head": pull["headSha"],
        "base": f"{pull['baseRef']} {last.get('baseSha') or ''}".strip(),
        "review": outcome or "none yet",
        "reviewed": moment(last.get("endedAt")),
        "namespaces": ", ".join(last.get("touched") or ()),
        "error": last.get("error"),
    }
    Table.of(facts).print()
    findings = last.get("findings") or []
    if findings:
        rows = [
            (_place(each), each["severity"], each["code"], each["message"]) for each in findings
        ]
        print()
        Table(("WHERE", "", "CODE", "MESSAGE"), rows).print()


def _place(finding: dict[str, Any]) -> str:
    line = finding.get("line")
    return f"{finding['path']}:{line}" if line else str(finding["path"])
