"""`headwater secret check`: whether the files of secrets in a clone can be used, and are safe."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.cli.check_formats import FORMATS, Finding
from app.cli.outcome import FAILED, OK
from app.cli.printing import progress
from app.cli.repositories import missing_root
from app.cli.secret_files import Where, read_bytes, shown
from app.errors import HeadwaterError
from app.git.layout import Kind, Place
from app.secrets.cipher import is_encrypted
from app.secrets.documents import OpenDocument, open_document, parse, summary
from app.secrets.editing import has_plain, scope_of
from app.secrets.errors import SecretError
from app.secrets.tree import Branch, Comment, Value

_KINDS = (Kind.SECRETS, Kind.PREVIEW_SECRETS)
HERE = Where()


def check(
    *,
    format_: Annotated[
        Literal["text", "json", "github", "sarif", "gitlab"], Parameter(name="--format")
    ] = "text",
    where: Where = HERE,
) -> int:
    """Check all files of secrets in a clone; exit 1 when there is an error.

    Each must be encrypted as a whole, to age recipients, bound to its place by `_scope`, and share
    no cipher text with another tenant. With an identity at hand it is decrypted, too.
    """
    files = list(_files(where))
    known = where.identities()
    found = [each for path, place in files for each in _of_file(path, place, known)]
    found += list(_reused(files))
    FORMATS[format_](found)
    errors = sum(each.is_error for each in found)
    note = "" if known else ", not decrypted: no identity is at hand"
    progress(f"{len(files)} files, {errors} errors, {len(found) - errors} warnings{note}")
    return FAILED if errors else OK


def _files(where: Where) -> Iterator[tuple[Path, Place]]:
    """Yield the files of secrets below the folder of the flows, and where they belong."""
    layout, top = where.rules, where.top
    if not (top / layout.root).is_dir():
        raise missing_root(layout)
    for folder, folders, names in os.walk(top / layout.root):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(folder, name)
            place = layout.place(path.relative_to(top).as_posix())
            if place is not None and place.kind in _KINDS:
                yield shown(path), place


def _of_file(path: Path, place: Place, known: Sequence[str]) -> Iterator[Finding]:
    if path.is_symlink():
        yield Finding(path, "SECRET_LINK", "error", "It is a link, which is never followed")
        return
    try:
        source = read_bytes(path)
        branches, metadata, _ = parse(source)
    except SecretError as error:
        yield _finding(path, error)
        return
    if not known:
        for branch in branches:
            yield from _readable(path, branch)
        if not any(branch.get("_scope") for branch in branches):
            yield Finding(path, "SECRET_SCOPE", "error", *_unbound(place))
        return
    if metadata.sources:
        message = f"It is encrypted by {', '.join(metadata.sources)}, too"
        yield Finding(path, "SECRET_KEY_SOURCE", "warning", message)
    try:
        document = open_document(source, known)
    except HeadwaterError as error:
        yield _finding(path, error)
        return
    yield from _of_document(path, place, document)


def _of_document(path: Path, place: Place, document: OpenDocument) -> Iterator[Finding]:
    for key in has_plain(document):
        yield _plaintext(path, key)
    scope = summary(document).scope
    wanted = scope_of(place.tenant, place.namespace)
    if scope is None:
        yield Finding(path, "SECRET_SCOPE", "error", *_unbound(place))
    elif scope != wanted:
        message = f"It was encrypted for another place than {wanted}"
        fix = "copy no files of secrets; set the values anew"
        yield Finding(path, "SECRET_SCOPE", "error", message, fix)


def _unbound(place: Place) -> tuple[str, str]:
    wanted = scope_of(place.tenant, place.namespace)
    return (
        f"It does not say where it belongs: `_scope: {wanted}` is missing",
        "any `headwater secret set` or `edit` adds it",
    )


def _finding(path: Path, error: HeadwaterError) -> Finding:
    return Finding(path, error.code, "error", error.message)


def _plaintext(path: Path, key: str) -> Finding:
    fix = "rotate it, since it is in the history now, and set it with `headwater secret set`"
    return Finding(path, "SECRET_PLAINTEXT", "error", f"`{key}` is not encrypted", fix, key)


def _readable(path: Path, branch: Branch) -> Iterator[Finding]:
    for key, value in branch.items():
        if any(leaf not in (None, "") and not is_encrypted(leaf) for leaf in _leaves(value)):
            yield _plaintext(path, key)


def _leaves(value: Value) -> Iterator[Value]:
    if isinstance(value, Branch):
        for entry in value.entries:
            yield from _leaves(entry.value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    elif not isinstance(value, Comment):
        yield value


def _reused(files: Sequence[tuple[Path, Place]]) -> Iterator[Finding]:
    """Yield the files that hold a cipher text of another tenant's file."""
    owners: dict[Value, tuple[Path, Place]] = {}
    for path, place in files:
        for text in _cipher_texts(path):
            first, owner = owners.setdefault(text, (path, place))
            if owner.tenant != place.tenant:
                message = f"A cipher text of {first} was copied into it"
                fix = "another tenant's secrets are not to be had by copying; set the value anew"
                yield Finding(path, "SECRET_REUSED", "error", message, fix)
                break


def _cipher_texts(path: Path) -> list[Value]:
    if path.is_symlink():
        return []
    try:
        branches, metadata, _ = parse(read_bytes(path))
    except SecretError:
        return []
    texts = [leaf for branch in branches for leaf in _leaves(branch) if is_encrypted(leaf)]
    return [*texts, *(stanza.wrapped for stanza in metadata.stanzas)]
