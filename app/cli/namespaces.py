"""`headwater namespace …` (also `ns`): namespaces, their files, their key-value pairs."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from app.cli.client import Client
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import NOT_FOUND, OK, USAGE, CommandError
from app.cli.printing import Table, data, moment, progress, show

app = App(name="namespace", help="List namespaces, their files and key-value pairs.")
files = App(name="files", help="Files of a namespace: each change is a commit.")
app.command(files)
for _name, _verb, _help in (
    ("pin", "pin_namespace", "Hold all flows of a namespace at what a commit says."),
    ("unpin", "unpin_namespace", "Let the flows of a namespace run again what Git says."),
    ("status", "place", "Show how a namespace and each of its flows stand."),
):
    app.command(f"app.cli.pins:{_verb}", name=_name, help=_help)

Name = Annotated[str, Parameter(help="The namespace.")]
FilePath = Annotated[str, Parameter(name="PATH", help="The path of a file in the namespace.")]


@app.command(name="list")
def list_(
    *,
    q: Annotated[str | None, Parameter(help="Part of the name.")] = None,
    options: Options = DEFAULTS,
) -> None:
    """List the namespaces that flows lie in."""
    with Client(options) as client:
        query = {"q": q, "existingOnly": "true", "size": 1000}
        found = client.get(client.path("namespaces", "search"), query)["results"]
    names = [each["id"] for each in found]
    show(found, options.output, names=names, table=Table(("NAMESPACE",), [(n,) for n in names]))


@files.command(name="list")
def list_files(
    namespace: Name,
    *,
    q: Annotated[str, Parameter(help="Part of the path.")] = "",
    options: Options = DEFAULTS,
) -> None:
    """List the paths of all files of a namespace."""
    with Client(options) as client:
        path = client.path("namespaces", namespace, "files", "search")
        found = client.get(path, {"q": q})
    names = [str(each) for each in found]
    show(found, options.output, names=names, table=Table(("PATH",), [(name,) for name in names]))


@files.command(name="get")
def get_file(
    namespace: Name,
    path: FilePath,
    *,
    to: Annotated[Path | None, Parameter(help="Write it here; else to the output.")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Read a file of a namespace."""
    with Client(options) as client:
        where = client.path("namespaces", namespace, "files")
        data = client.ask("GET", where, query={"path": path}).content
    if to is None:
        sys.stdout.buffer.write(data)
    else:
        try:
            to.write_bytes(data)
        except OSError as error:
            raise CommandError(f"cannot write {to}: {error.strerror}", USAGE) from None
        progress(f"{to} has {len(data)} bytes")


@files.command(name="put")
def put_file(
    namespace: Name,
    source: Annotated[Path, Parameter(name="FILE", help="The file to send.")],
    path: Annotated[str | None, Parameter(name="PATH", help="Its name by default.")] = None,
    *,
    options: Options = DEFAULTS,
) -> None:
    """Write a file of a namespace."""
    try:
        data = source.read_bytes()
    except OSError as error:
        message = f"cannot read {source}: {error.strerror}"
        raise CommandError(message, USAGE) from None
    wanted = path or source.name
    with Client(options) as client:
        where = client.path("namespaces", namespace, "files")
        upload = {"fileContent": (source.name, data)}
        client.ask("POST", where, query={"path": wanted}, files=upload)
    progress(f"{wanted} of {namespace} has {len(data)} bytes")


@files.command(name="delete")
def delete_file(namespace: Name, path: FilePath, *, options: Options = DEFAULTS) -> None:
    """Delete a file of a namespace, or a folder."""
    with Client(options) as client:
        where = client.path("namespaces", namespace, "files")
        client.ask("DELETE", where, query={"path": path})
    progress(f"{path} of {namespace} is deleted")


# -- key-value pairs -----------------------------------------------------------------------------

pairs = App(name="kv", help="Key-value pairs of a namespace.")
app.command(pairs)

Key = Annotated[str, Parameter(help="The key.")]


@pairs.command(name="list")
def list_pairs(namespace: Name, *, options: Options = DEFAULTS) -> None:
    """List the keys of a namespace."""
    with Client(options) as client:
        found = client.get(client.path("namespaces", namespace, "kv"))
    rows = [
        (each["key"], moment(each.get("updateDate")), moment(each.get("expirationDate")))
        for each in found
    ]
    names = [each["key"] for each in found]
    show(found, options.output, names=names, table=Table(("KEY", "UPDATED", "EXPIRES"), rows))


@pairs.command(name="get")
def get_pair(namespace: Name, key: Key, *, options: Options = DEFAULTS) -> None:
    """Print the value of a key: texts as they are, anything else as JSON."""
    with Client(options) as client:
        found = client.get(client.path("namespaces", namespace, "kv", key))
    value = found.get("value")
    shown = value if isinstance(value, str) else json.dumps(value)
    if options.output == "table":
        data(shown)
    else:
        show(found, options.output, names=[shown], table=Table((), ()))


@pairs.command(name="set")
def set_pair(
    namespace: Name,
    key: Key,
    value: Annotated[str, Parameter(help='A literal: 1, true, "text", {"a": 1}, or a plain text.')],
    *,
    ttl: Annotated[str | None, Parameter(help="For how long; an ISO duration.")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Store a value under a key."""
    from app.flows.keyvalues import LONGEST_KEY, is_key

    if not is_key(key):
        rule = f"it begins with a letter or digit and holds those and . _ -, {LONGEST_KEY} at most"
        raise CommandError(f"{key!r:.100} is no key: {rule}", USAGE)
    if ttl is not None and not (ttl.isascii() and ttl.isprintable() and ttl):
        raise CommandError(f"--ttl {ttl!r} is no duration, such as PT30S or P1DT2H", USAGE)
    headers = {"content-type": "text/plain", **({"ttl": ttl} if ttl else {})}
    with Client(options) as client:
        path = client.path("namespaces", namespace, "kv", key)
        client.ask("PUT", path, content=value.encode(), headers=headers)
    progress(f"{key} of {namespace} is stored")


@pairs.command(name="delete")
def delete_pair(namespace: Name, key: Key, *, options: Options = DEFAULTS) -> int:
    """Remove a key; exit 3 when it was not there."""
    with Client(options) as client:
        path = client.path("namespaces", namespace, "kv", key)
        there = client.answered("DELETE", path)
    progress(f"{key} of {namespace} {'is removed' if there else 'was not there'}")
    return OK if there else NOT_FOUND
