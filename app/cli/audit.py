"""`headwater audit`: who did what to what, and why; and whether that is what was written."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from app.cli.client import Client
from app.cli.numbers import Limit
from app.cli.options import DEFAULTS, Namespace, Options
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import Table, moment, progress, show

app = App(name="audit", help="List who did what, and why; prove that it is what was written.")

OfInstance = Annotated[
    bool, Parameter(name="--instance", negative=(), help="What belongs to no tenant.")
]
Since = Annotated[str | None, Parameter(help="From this time on (RFC 3339).")]
Until = Annotated[str | None, Parameter(help="Before this time (RFC 3339).")]


@app.default
def audit(  # noqa: PLR0913 - the filters of a list
    *,
    target: Annotated[str | None, Parameter(help="Such as flow/shop.orders.")] = None,
    action: Annotated[
        str | None, Parameter(help="Such as flow.pin; flow. for all about flows.")
    ] = None,
    actor: Annotated[str | None, Parameter(help="Who did it.")] = None,
    outcome: Annotated[
        Literal["success", "denied", "refused", "failed"] | None, Parameter(help="How it ended.")
    ] = None,
    namespace: Namespace = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    instance: OfInstance = False,
    options: Options = DEFAULTS,
) -> None:
    """List what was done in a tenant, newest first."""
    query = {
        "target": target,
        "action": action,
        "actor": actor,
        "outcome": outcome,
        "namespace": namespace,
        "since": since,
        "until": until,
        "limit": limit,
    }
    with Client(options) as client:
        found = client.get(_path(client, instance), query)
    rows = [
        (
            moment(each["at"]),
            each["actor"],
            each["action"],
            each["target"],
            each.get("outcome", "success"),
            each["reason"],
        )
        for each in found
    ]
    names = [each["id"] for each in found]
    table = Table(("AT", "BY", "WHAT", "TO", "OUTCOME", "REASON"), rows)
    show(found, options.output, names=names, table=table)


def _path(client: Client, instance: bool, *more: str) -> str:
    parts = "/".join(("", *more))
    return f"/api/v1/instance/audit{parts.rstrip('/')}" if instance else client.path("audit", *more)


@app.command
def export(
    *,
    format: Annotated[  # noqa: A002 - what the option is called
        Literal["jsonl", "csv"], Parameter(help="Lines that prove themselves, or a table.")
    ] = "jsonl",
    to: Annotated[Path | None, Parameter(help="Write it here; else to the output.")] = None,
    since: Since = None,
    until: Until = None,
    instance: OfInstance = False,
    options: Options = DEFAULTS,
) -> None:
    """Send the audit log as a file, the oldest first."""
    query = {"format": format, "since": since, "until": until}
    with Client(options) as client:
        text = client.text(_path(client, instance, "export"), query)
    if to is None:
        print(text, end="")
        return
    try:
        to.write_text(text, "utf-8")
    except OSError as error:
        message = f"cannot write {to}: {error.strerror}"
        raise CommandError(message, USAGE) from None
    progress(f"{to} has {text.count(chr(10))} lines")


@app.command
def verify(
    *,
    data: Annotated[
        Path | None,
        Parameter(help="A data directory: look at its database, without the service."),
    ] = None,
    file: Annotated[Path | None, Parameter(help="A file that was exported as JSON lines.")] = None,
    instance: OfInstance = False,
    archives: Annotated[
        bool, Parameter(negative=(), help="Look at the files of closed segments too.")
    ] = False,
    options: Options = DEFAULTS,
) -> int:
    """Look whether the audit log is what was written; name the first entry that is not.

    With `--data` every chain of a database is looked at, beside a service that runs or without one:
    SQLite in that directory, or the PostgreSQL that is configured.
    """
    if file is not None:
        return _verify_file(file, options)
    proofs = _offline(data, archives=archives) if data else _asked(options, instance, archives)
    _tell(proofs, options)
    return OK if all(each["holds"] for each in proofs) else FAILED


def _asked(options: Options, instance: bool, archives: bool) -> list[dict[str, Any]]:
    query = {"archives": "true"} if archives else None
    with Client(options) as client:
        found = client.get(_path(client, instance, "verify"), query)
    return found if isinstance(found, list) else [found]


def _offline(data: Path, *, archives: bool) -> list[dict[str, Any]]:
    from app.cli.audit_offline import prove

    return prove(data, archives=archives)


def _verify_file(file: Path, options: Options) -> int:
    from app.db.audit_proof import prove_lines

    try:
        content = file.read_bytes()
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise CommandError(message, USAGE) from None
    tenant = "" if b'"tenant":""' in content[:4096] else options.tenant
    broken = prove_lines(tenant, content)
    if broken is not None:
        progress(f"{file}: {broken.what}")
        return FAILED
    progress(f"{file} holds")
    return OK


def _tell(proofs: list[dict[str, Any]], options: Options) -> None:
    rows = [
        (
            each["tenant"] or "(instance)",
            "yes" if each["holds"] else "NO",
            each["closed"] + each["entries"],
            each["anchored"],
            each["pending"],
        )
        for each in proofs
    ]
    table = Table(("TENANT", "HOLDS", "ENTRIES", "ANCHORED", "PENDING"), rows)
    names = [each["tenant"] or "" for each in proofs if each["holds"]]
    show(proofs, options.output, names=names, table=table)
    for each in proofs:
        for problem in each["problems"]:
            place = f" entry {problem['seq']}" if problem["seq"] is not None else ""
            progress(f"{each['tenant'] or '(instance)'}{place}: {problem['what']}")
