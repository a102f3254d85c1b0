"""`headwater secret recipients …`: who can open a file."""

from typing import Annotated

from cyclopts import App, Parameter

from app.cli.options import Format
from app.cli.outcome import NOT_FOUND, USAGE, CommandError
from app.cli.printing import Table, progress, show
from app.cli.secret_files import Where, read_bytes, telling, written
from app.secrets.documents import parse
from app.secrets.keys import check_recipient

app = App(name="recipients", help="Who can open a file of secrets.")

HERE = Where()
Recipient = Annotated[str, Parameter(name="RECIPIENT", help="age1…, or an SSH key in quotes.")]


@app.command(name="list")
def list_(
    *,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table",
    where: Where = HERE,
) -> None:
    """List who can open a file."""
    with telling(where.path):
        _, metadata, _ = parse(read_bytes(where.path))
    names = list(metadata.recipients)
    rows = [(name, "age") for name in names] + [("others", each) for each in metadata.sources]
    values = [{"recipient": name, "source": source} for name, source in rows]
    show(values, output, names=names, table=Table(("RECIPIENT", "SOURCE"), rows))


@app.command
def add(recipient: Recipient, *, where: Where = HERE) -> None:
    """Let somebody else open a file, too."""
    document = where.opened()
    with telling(where.path):
        wanted = check_recipient(recipient)
        written(where.path, document.with_recipients([*document.metadata.recipients, wanted]))
    progress(f"{wanted} can open {where.path} once it is committed")


@app.command
def remove(recipient: Recipient, *, where: Where = HERE) -> None:
    """Shut somebody out: the file gets a new data key. What they have read they know."""
    document = where.opened()
    left = [each for each in document.metadata.recipients if each != recipient.strip()]
    if len(left) == len(document.metadata.recipients):
        message = f"{where.path} is not encrypted to {recipient.strip()[:80]}"
        raise CommandError(message, NOT_FOUND)
    if not left:
        raise CommandError("nobody could open the file any more; add another recipient", USAGE)
    with telling(where.path):
        written(where.path, document.with_key(left))
    progress("the file has a new data key; change the secrets themselves, they were readable")
