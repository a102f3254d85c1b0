"""`headwater secret …`: secrets in a clone, encrypted for sops and age; no service is needed.

No command prints a value, and none takes one as an argument: others see arguments.
"""

import getpass
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from app.cli.options import Format
from app.cli.outcome import CONFLICT, NOT_FOUND, USAGE, CommandError
from app.cli.printing import Table, progress, show
from app.cli.secret_files import Where, bound, created, read_bytes, telling, written
from app.secrets.documents import parse
from app.secrets.editing import check_key, keys_of, put, without
from app.secrets.keys import new_identity
from app.secrets.rules import Comments

app = App(
    name="secret",
    help="Secrets in a clone, encrypted for sops and age; no service is needed.",
)
for _name, _help in (
    ("edit", "Open a file in $EDITOR in the clear, and encrypt it when the editor ends."),
    ("check", "Check all files of secrets in a clone."),
    ("rotate", "Encrypt a file anew: another data key, the same or other recipients."),
):
    app.command(f"app.cli.secret_{_name}:{_name}", name=_name, help=_help)
app.command("app.cli.secret_recipients:app", name="recipients", help="Who can open a file.")

HERE = Where()
Key = Annotated[str, Parameter(name="KEY", help="The name of the secret.")]
Output = Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")]
Recipients = Annotated[
    list[str] | None,
    Parameter(name="--recipient", negative=(), help="For whom a new file is encrypted: age1…."),
]


@app.command(name="set")
def set_(
    key: Key,
    *,
    value_file: Annotated[
        Path | None, Parameter(help="Read the value from this file, byte for byte.")
    ] = None,
    structured: Annotated[
        bool, Parameter(name="--json", negative=(), help="The value is JSON: a number, a map, ….")
    ] = False,
    recipient: Recipients = None,
    where: Where = HERE,
) -> None:
    """Set a secret; the value comes from the input (one newline at its end is left out).

    On a terminal it is asked for. A file that is not there yet is made: for --recipient, else for
    the rule of `.sops.yaml`, else for the identity at hand.
    """
    with telling(where.path):
        check_key(key)
    text = _value(value_file)
    is_new = not where.path.exists()
    document = created(where, recipient or ()) if is_new else bound(where, where.opened())
    if recipient and not is_new:
        message = "the file is there: `headwater secret recipients add` lets others open it"
        raise CommandError(message, USAGE)
    with telling(where.path):
        document = put(document, key, _parsed(text) if structured else text)
    written(where.path, document)
    progress(f"{key} is set in {where.path}; commit it")


@app.command
def delete(key: Key, *, where: Where = HERE) -> None:
    """Delete a secret; its value stays in the history, so revoke it where it is used."""
    document = bound(where, where.opened())
    if key not in keys_of(document):
        message = f"there is no secret {key} in {where.path}"
        raise CommandError(message, NOT_FOUND)
    written(where.path, without(document, key))
    progress(f"{key} is deleted in {where.path}; commit it, and revoke the value")


@app.command(name="list")
def list_(*, output: Output = "table", where: Where = HERE) -> None:
    """List the names of the secrets of a file; nothing is decrypted for that."""
    with telling(where.path):
        branches, metadata, _ = parse(read_bytes(where.path))
    names = list(dict.fromkeys(key for branch in branches for key in keys_of(branch)))
    rows = [
        (name, _state(metadata.rules.encrypts((name,), (Comments(),), is_comment=False)))
        for name in names
    ]
    values = [{"key": name, "encrypted": state == "encrypted"} for name, state in rows]
    show(values, output, names=names, table=Table(("KEY", "STATE"), rows))


@app.command
def identity(
    path: Annotated[Path, Parameter(name="FILE", help="Where to write it; it must not exist.")],
) -> None:
    """Make an age identity, which opens files, and print its recipient, which encrypts them."""
    secret, public = new_identity()
    text = f"# public key: {public}\n{secret}\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{path} is there already", CONFLICT) from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    with os.fdopen(handle, "w") as file:
        file.write(text)
    print(public)
    progress(f"{path} opens what is encrypted to it: keep it out of Git")


def _state(hidden: bool) -> str:
    return "encrypted" if hidden else "readable"


def _value(path: Path | None) -> str:
    """Return the value: of a file, of the input, or of who sits at the terminal."""
    if path is not None:
        with telling(path):
            return _decoded(path.read_bytes())
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    return _decoded(sys.stdin.buffer.read()).removesuffix("\n").removesuffix("\r")


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        message = "the value is not UTF-8; encode it, for example with base64"
        raise CommandError(message, USAGE) from None


def _parsed(text: str) -> Any:
    from app.secrets.json_format import read_json

    try:
        json.dumps(json.loads(text), allow_nan=False)  # 1e999 is read as a number without end
    except (ValueError, RecursionError):
        raise CommandError("the value is not JSON, or nested too deeply", USAGE) from None
    return read_json(f'{{"value": {text}}}').get("value")
