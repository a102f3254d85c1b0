"""Secrets of namespaces: `secrets.sops.yaml` along the chain, decrypted when they are asked for.

What is decrypted is held by the executions that asked for it, and shared between them; nothing of
it is kept when the last of them lets go, or when it is older than the settings allow.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import orjson

from app.errors import NotFound
from app.flows.secret_files import read_secret_file
from app.sync.inherited import Document, Inheritance
from app.sync.secret_opening import FILE as FILE
from app.sync.secret_opening import SecretOpener

_REMEMBERED = 2_000
_LOCKS = 64
"""Files that may be decrypted at once, at most."""

IsPinned = Callable[[str, str], Awaitable[bool]]
"""Returns whether a namespace reads secrets at the commit of the execution."""


class Opened:
    """The secrets of one file in plain text."""

    __slots__ = ("__weakref__", "at", "values")

    def __init__(self, values: Mapping[str, str], at: float) -> None:
        """Hold them; `at` is when they were decrypted (monotonic seconds)."""
        self.values = values
        self.at = at

    def __repr__(self) -> str:
        """Tell nothing."""
        return "Opened(…)"


class SecretReader:
    """Implements `ports.SecretStore` on the repositories of a node."""

    def __init__(
        self,
        inheritance: Inheritance,
        opener: SecretOpener,
        seconds: float,
        is_pinned: IsPinned,
    ) -> None:
        """Decrypt by `opener`; plain text is dropped after so many `seconds`."""
        self._inheritance = inheritance
        self._opener = opener
        self.identities = opener.identities
        self.seconds = seconds
        self.reads_environment = opener.reads_environment
        self._opened: WeakValueDictionary[tuple[str, str, str], Opened] = WeakValueDictionary()
        self._names: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._is_pinned = is_pinned
        self._turns = [threading.Lock() for _ in range(_LOCKS)]

    async def secrets(self, tenant: str, namespace: str, commit: str | None) -> "Lookup":
        """Return what finds secrets of a namespace, of those above it and of its tenant.

        Raises:
            GitError, Unavailable: when the repository cannot be read.
        """
        at = commit if commit and await self._is_pinned(tenant, namespace) else None
        try:
            chain = await self._inheritance.chain(tenant, namespace, FILE, at)
        except NotFound:
            return Lookup(self, ())
        return Lookup(self, chain.documents)

    def open(self, document: Document) -> Opened:
        """Return the secrets of a file (blocking).

        Raises:
            SecretError: when it cannot be decrypted, was changed, or belongs elsewhere.
            Unavailable: when there is no identity at hand.
        """
        key = (document.tenant, document.namespace, document.blob)
        # A hundred executions that begin together decrypt once; other files are not held up.
        with self._turns[hash(key) % _LOCKS]:
            known = self._opened.get(key)
            if known is None or not self.is_fresh(known):
                known = Opened(self._decrypted(document), time.monotonic())
                self._opened[key] = known
        return known

    def names(self, document: Document) -> frozenset[str]:
        """Return the names of the secrets in a file (blocking); it is not decrypted for that.

        Names whose values are not encrypted are none: nothing vouches for them.
        """
        known = self._names.get(document.blob)
        if known is None:
            known = read_secret_file(document.read()).encrypted
            self._names[document.blob] = known
            while len(self._names) > _REMEMBERED:
                self._names.popitem(last=False)
        return known

    def is_fresh(self, opened: Opened) -> bool:
        """Whether plain text is young enough to be used."""
        return time.monotonic() - opened.at < self.seconds

    def _decrypted(self, document: Document) -> Mapping[str, str]:
        source = document.read()
        place = (document.tenant, document.namespace)
        values = self._opener.decrypted(source, place, document.path)
        names = self.names(document) & values.keys()
        return {key: text_of(values[key]) for key in names}


class Lookup:
    """Implements `ports.SecretLookup`: the files of one chain, opened as they are needed."""

    def __init__(self, reader: SecretReader, documents: Sequence[Document]) -> None:
        """Look into `documents`, nearest first."""
        self._reader = reader
        self._documents = documents
        self._held: dict[int, Opened] = {}

    def find(self, key: str) -> str | None:
        """Return a secret's text, None if there is none (blocking); raises as `open`."""
        for number, document in enumerate(self._documents):
            if key not in self._reader.names(document):
                continue
            held = self._held.get(number)
            if held is None or not self._reader.is_fresh(held):
                held = self._held[number] = self._reader.open(document)
            if key in held.values:
                return held.values[key]
        return None

    def __repr__(self) -> str:
        """Tell nothing."""
        return "Lookup(…)"


def text_of(value: Any) -> str:
    """Return a secret as text: of a structure JSON, of a truth value what JSON says."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
