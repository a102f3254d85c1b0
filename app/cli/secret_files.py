"""The files of secrets in a clone: where they lie, who opens them, how they are written."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from app.cli.addresses import tenant_of
from app.cli.options import pairs
from app.cli.outcome import CONFLICT, NOT_FOUND, USAGE, CommandError
from app.errors import HeadwaterError
from app.git.layout import NAMESPACE_NAME, Layout
from app.secrets.creation import FILE as CREATION_FILE
from app.secrets.creation import CreationRule, creation_rule
from app.secrets.documents import (
    Format,
    OpenDocument,
    close_document,
    new_document,
    open_document,
)
from app.secrets.editing import for_place, scope_of
from app.secrets.keys import recipient_of

NAME: Final = "secrets.sops.yaml"
PREVIEW: Final = "secrets.preview.sops.yaml"
_USER_KEYS: Final = ".config/sops/age/keys.txt"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Where:
    """Which file, and with which identities."""

    namespace: Annotated[
        str, Parameter(name=["--namespace", "-n"], help="The namespace; else that of the tenant.")
    ] = ""
    tenant: Annotated[str, Parameter(name=["--tenant", "-t"], help="The tenant.")] = "main"
    repo: Annotated[Path, Parameter(help="The clone, or a folder in it.")] = Path()
    root: Annotated[str, Parameter(help="Folder of the repository that holds tenants/.")] = ""
    layout: Annotated[
        Literal["native", "kestra"],
        Parameter(help="`kestra`: NAMESPACE/flows/…, as Kestra's own Git tasks write it."),
    ] = "native"
    map_tenant: Annotated[
        list[str],
        Parameter(negative=(), help="Tenant of a folder, as the source has it: FOLDER=TENANT."),
    ] = field(default_factory=list)
    preview: Annotated[
        bool, Parameter(negative=(), help="The secrets that previews of pull requests read.")
    ] = False
    file: Annotated[Path | None, Parameter(help="Another SOPS file; it gets no `_scope`.")] = None
    identity: Annotated[
        list[Path],
        Parameter(
            negative=(),
            help="A file of age identities, or an SSH key. Else SOPS_AGE_KEY, SOPS_AGE_KEY_FILE "
            f"and ~/{_USER_KEYS}.",
        ),
    ] = field(default_factory=list)

    @property
    def top(self) -> Path:
        """The folder of the repository."""
        start = self.repo.absolute()
        for folder in (start, *start.parents):
            if (folder / ".git").exists() or (folder / "tenants").is_dir():
                return folder
        message = f"{self.repo} lies in no repository of flows; name one with --repo"
        raise CommandError(message, NOT_FOUND)

    @property
    def path(self) -> Path:
        """The file that is meant."""
        if self.file is not None:
            return self.file
        _check_names(self.tenant, self.namespace)
        name = PREVIEW if self.preview else NAME
        if self.preview and not self.namespace:
            raise CommandError("previews have secrets of namespaces; name one with -n", USAGE)
        inside = self.rules.inherited_file(self.tenant, self.namespace, name)
        if inside is None:
            raise CommandError(f"the repository has no place for tenant {self.tenant}", USAGE)
        return shown(self.top / inside)

    @property
    def rules(self) -> Layout:
        """How the repository is laid out."""
        tenants = dict(pairs(self.map_tenant, "--map-tenant"))
        return Layout(self.layout, self.root.strip("/"), tenant_of(self.tenant), tenants)

    @property
    def scope(self) -> str | None:
        """What its `_scope` says; None for a file that is no namespace's."""
        return None if self.file is not None else scope_of(self.tenant, self.namespace)

    def identities(self) -> list[str]:
        """Return the identities at hand."""
        return identities(self.identity)

    def opened(self) -> OpenDocument:
        """Open the file.

        Raises:
            CommandError: it is not there, or cannot be opened.
        """
        with telling(self.path):
            return open_document(read_bytes(self.path), self.identities())


def shown(path: Path) -> Path:
    """Return a path as it is reached from the working directory, if it lies below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _check_names(tenant: str, namespace: str) -> None:
    tenant_of(tenant)
    if namespace and not NAMESPACE_NAME.match(namespace):
        raise CommandError(f"{namespace!r} is no namespace: small letters, digits, - _ .", USAGE)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn errors about a file into those of a command."""
    try:
        yield
    except HeadwaterError as error:
        raise CommandError(f"{path}: {error.message}") from None
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else 1
        raise CommandError(f"{path}: {error.strerror or error}", code) from None


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; links are not followed, since the file comes from a repository."""
    if path.is_symlink():
        raise CommandError(f"{path} is a link; put the file itself there", CONFLICT)
    return path.read_bytes()


def identities(files: Sequence[Path] = ()) -> list[str]:
    """Return the texts of the identities at hand: those of files, else where sops looks."""
    if files:
        return [_read_identity(path) for path in files]
    found = []
    if key := os.environ.get("SOPS_AGE_KEY"):
        found.append(key)
    if path := os.environ.get("SOPS_AGE_KEY_FILE"):
        found.append(_read_identity(Path(path)))
    user = Path.home() / _USER_KEYS
    if not found and user.exists():
        found.append(_read_identity(user))
    return found


def _read_identity(path: Path) -> str:
    try:
        with telling(path):
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no age identity: it is not text", USAGE) from None


def created(where: Where, recipients: Sequence[str]) -> OpenDocument:
    """Return a new file for recipients, else for those of `.sops.yaml`, else for oneself.

    Raises:
        CommandError: there is nobody to encrypt it to.
    """
    with telling(where.path):
        rule = _rule(where)
        meant = tuple(recipients) or rule.recipients or _own(where)
        if not meant:
            message = (
                f"there is nobody to encrypt {where.path} to: give --recipient age1…,"
                f" or write a rule into {CREATION_FILE}; `headwater secret identity` makes a key"
            )
            raise CommandError(message, USAGE)
        layout: Format = "json" if where.path.suffix == ".json" else "yaml"
        made = new_document(meant, rules=rule.rules, layout=layout)
        return for_place(made, where.scope) if where.scope is not None else made


def _rule(where: Where) -> CreationRule:
    """Return the creation rule for a file: of the nearest `.sops.yaml` up to the repository's."""
    path = where.path.absolute()
    for folder in path.parents:
        config = folder / CREATION_FILE
        if config.is_file():
            with telling(config):
                inside = path.relative_to(folder).as_posix()
                return creation_rule(read_bytes(config), inside) or CreationRule(())
        if (folder / ".git").exists():
            break
    return CreationRule(())


def creation_recipients(where: Where) -> tuple[str, ...]:
    """Return for whom the rule of `.sops.yaml` encrypts a file; raises `CommandError`."""
    return _rule(where).recipients


def _own(where: Where) -> tuple[str, ...]:
    """Return the recipients of the identities at hand, of those that age itself made."""
    found = []
    for text in where.identities():
        lines = (line.strip() for line in text.splitlines())
        found += [recipient_of(line) for line in lines if line.upper().startswith("AGE-SECRET")]
    return tuple(found)


def written(path: Path, document: OpenDocument) -> None:
    """Encrypt a document into a file, which is replaced as a whole.

    Raises:
        CommandError: it cannot be written.
    """
    with telling(path):
        source = close_document(document, time.time_ns() // 1_000)
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(source)
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def bound(where: Where, document: OpenDocument) -> OpenDocument:
    """Return a document bound to its place, if it is a namespace's or tenant's.

    Raises:
        CommandError: it says that it belongs elsewhere.
    """
    if where.scope is None:
        return document
    with telling(where.path):
        return for_place(document, where.scope)
