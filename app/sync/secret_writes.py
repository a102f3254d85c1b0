"""Secrets of namespaces as commits: set, described, deleted; and their names for lists.

No value leaves this module. To write one the service opens the file with the identity that it has
for the namespace; where it has none, secrets are written in a clone.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.errors import Conflict, NotFound, RefNotFound
from app.flows.secret_files import About, read_secret_file
from app.git.trees import blob_of
from app.ports import Clock
from app.secrets.about import with_about
from app.secrets.creation import CreationRule, creation_rule
from app.secrets.documents import OpenDocument, close_document, new_document, open_document
from app.secrets.editing import check_key, for_place, keys_of, put, scope_of, without
from app.secrets.errors import WrongKey
from app.secrets.keys import recipient_of, unwrap
from app.sync.inherited import LARGEST, Document, Inheritance
from app.sync.model import Actor
from app.sync.publishing import Edits
from app.sync.secret_identities import Identities, Ring
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

Apply = Callable[[OpenDocument], OpenDocument]
"""Changes what is in a file."""

FILE = "secrets.sops.yaml"
_CONFIG = ".sops.yaml"
_TRIES = 3


class SecretName(NamedTuple):
    """The name of a secret, and what is told of it."""

    namespace: str
    key: str
    about: About


class Change(NamedTuple):
    """What is done to the file of a namespace."""

    apply: Apply
    key: str = ""
    """A secret that has to be there already."""


class _Target(NamedTuple):
    """A file to write: where, by whom, and what it holds now."""

    tenant: str
    namespace: str
    worker: SourceWorker
    path: str
    blob: str | None


class SecretWrites:
    """Reads the names of secrets, and makes commits that change them."""

    def __init__(
        self, workers: SourceSet, inheritance: Inheritance, identities: Identities, clock: Clock
    ) -> None:
        """Open files by `identities`."""
        self._workers = workers
        self._inheritance = inheritance
        self._identities = identities
        self._clock = clock
        self._turn = asyncio.Lock()

    # -- names -----------------------------------------------------------------------------------

    async def chain(self, tenant: str, namespace: str) -> list[SecretName]:
        """Return the secrets that a namespace sees, nearest first ("": those of the tenant).

        Raises:
            NotFound: when no source holds the namespace.
        """
        found = await self._inheritance.chain(tenant, namespace, FILE, None)
        return await asyncio.to_thread(_names, found.documents)

    async def everywhere(self, tenant: str) -> list[SecretName]:
        """Return the secrets of all namespaces of a tenant."""
        return await asyncio.to_thread(_names, await self._inheritance.everywhere(tenant, FILE))

    async def is_read_only(self, tenant: str, namespace: str) -> bool:
        """Whether secrets of a namespace are changed in Git only."""
        worker = await self._workers.owner(tenant, namespace)
        return worker.publisher.mode == "readonly"

    # -- changes ---------------------------------------------------------------------------------

    async def put(
        self,
        tenant: str,
        namespace: str,
        secret: tuple[str, str],
        about: About | None,
        *,
        actor: Actor,
        message: str | None,
    ) -> None:
        """Set a secret (name and value), and what is told of it (None: as it is): one commit.

        Raises:
            SecretError: no name of a secret, or the file cannot be opened.
            Conflict: the service has no identity for the file, or the repository takes no write.
            Proposed: the source takes changes by pull request only: it is open now.
        """
        key, value = secret
        check_key(key)

        def change(document: OpenDocument) -> OpenDocument:
            made = put(document, key, value)
            return made if about is None else with_about(made, key, about)

        subject = message or f"Set secret {key} of {namespace}"
        await self._write(tenant, namespace, Change(change), subject, actor)

    async def describe(
        self,
        tenant: str,
        namespace: str,
        key: str,
        about: About,
        *,
        actor: Actor,
        message: str | None,
    ) -> None:
        """Change what is told of a secret; raises as `put`, and `NotFound`."""

        def change(document: OpenDocument) -> OpenDocument:
            _refuse_unknown(document, key, namespace)
            return with_about(document, key, about)

        subject = message or f"Describe secret {key} of {namespace}"
        await self._write(tenant, namespace, Change(change, key), subject, actor)

    async def delete(
        self, tenant: str, namespace: str, key: str, *, actor: Actor, message: str | None
    ) -> None:
        """Delete a secret; raises as `put`, and `NotFound`."""

        def change(document: OpenDocument) -> OpenDocument:
            _refuse_unknown(document, key, namespace)
            return without(with_about(document, key, About()), key)

        subject = message or f"Delete secret {key} of {namespace}"
        await self._write(tenant, namespace, Change(change, key), subject, actor)

    async def _write(
        self, tenant: str, namespace: str, change: Change, message: str, actor: Actor
    ) -> None:
        async with self._turn:  # or two of our own requests would meet in one file
            for _ in range(_TRIES - 1):
                try:
                    await self._publish(tenant, namespace, change, message, actor)
                except _MovedError:
                    continue
                return
            await self._publish(tenant, namespace, change, message, actor)

    async def _publish(
        self, tenant: str, namespace: str, change: Change, message: str, actor: Actor
    ) -> None:
        target = await self._target(tenant, namespace)
        data = await asyncio.to_thread(self._changed, target, change)
        objects = target.worker.parts.repository.mirror.objects

        def check(tip: str) -> None:
            if blob_of(objects, tip, target.path) != target.blob:
                raise _MovedError(f"{target.path} was changed in the meantime; try again")

        edits = Edits({target.path: data}, [(tenant, namespace)], message, actor, check)
        publisher = target.worker.publisher
        commit = await publisher.publish(edits)
        if publisher.mode == "push":
            await target.worker.files.activated(tenant, namespace, commit)

    async def _target(self, tenant: str, namespace: str) -> _Target:
        worker = await self._workers.owner(tenant, namespace)
        worker.publisher.refuse_read_only()
        origin = await worker.publisher.opened()
        worker.files.checked(origin, tenant, namespace, {FILE: b""})
        path = origin.layout.inherited_file(tenant, namespace, FILE)
        if path is None:
            message = f"the repository has no place for tenant {tenant}: it holds other tenants"
            raise NotFound(message)
        active = await worker.files.active(tenant, namespace)
        blob = None
        if active is not None:
            blob = await asyncio.to_thread(blob_of, origin.mirror.objects, active, path)
        return _Target(tenant, namespace, worker, path, blob)

    def _changed(self, target: _Target, change: Change) -> bytes:
        """Return the file as it is to be (blocking)."""
        if change.key and target.blob is None:
            raise _unknown(change.key, target.namespace)
        ring = self._identities.of(target.tenant, target.namespace)
        if not ring:
            message = (
                f"the service has no age identity for {target.path}; set the secret in a clone"
                " with `headwater secret set`, or give it one (HEADWATER_SECRETS__IDENTITIES)"
            )
            raise Conflict(message)
        document = _created(target, ring) if target.blob is None else _opened(target, ring)
        bound = for_place(document, scope_of(target.tenant, target.namespace))
        return close_document(change.apply(bound), self._clock.now())


class _MovedError(Conflict):
    """The file was changed in the meantime."""


def _names(documents: Sequence[Document]) -> list[SecretName]:
    """Return the names in files (blocking); one that cannot be read has none."""
    files = [(each.namespace, read_secret_file(each.read())) for each in documents]
    return [
        SecretName(namespace, key, file.about.get(key, About()))
        for namespace, file in files
        for key in sorted(file.encrypted)
    ]


def _opened(target: _Target, ring: Ring) -> OpenDocument:

    objects = target.worker.parts.repository.mirror.objects
    assert target.blob is not None  # noqa: S101 - the caller has seen it
    source = objects.read(target.blob, limit=LARGEST)
    return open_document(source, (*ring.own, *ring.common))


def _created(target: _Target, ring: Ring) -> OpenDocument:
    """Return a new file: for whom `.sops.yaml` says, else for the identity of the namespace.

    Raises:
        Conflict: the service could not read it.
    """
    keys = ring.own or ring.common
    rule = _rule(target)
    if rule is None or not rule.recipients:
        recipients = [recipient_of(key) for key in keys]
        return new_document(recipients, rules=rule.rules if rule else None)
    made = new_document(rule.recipients, rules=rule.rules)
    try:
        unwrap(made.metadata.stanzas, (*ring.own, *ring.common))
    except WrongKey:
        message = (
            f"the rule of {_CONFIG} for {target.path} does not name the recipient of the service:"
            " it could not read what it writes"
        )
        raise Conflict(message) from None
    return made


def _rule(target: _Target) -> CreationRule | None:
    """Return the rule of the `.sops.yaml` at the top of the repository (blocking)."""
    repository = target.worker.parts.repository
    try:
        commit = repository.mirror.tip(f"refs/heads/{repository.ref}")
    except RefNotFound:  # nothing was ever committed
        return None
    blob = blob_of(repository.mirror.objects, commit, _CONFIG)
    if blob is None:
        return None
    source = repository.mirror.objects.read(blob, limit=LARGEST)
    return creation_rule(source, target.path)


def _refuse_unknown(document: OpenDocument, key: str, namespace: str) -> None:

    if key not in keys_of(document):
        raise _unknown(key, namespace)


def _unknown(key: str, namespace: str) -> NotFound:
    return NotFound(f"there is no secret {key} in namespace {namespace}")
