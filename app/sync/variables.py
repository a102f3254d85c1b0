"""Variables of namespaces: `variables.yaml` of the tenant and of each namespace, merged deeply."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from app.errors import NotFound
from app.flows.variable_files import inherited, variables_of
from app.sync.inherited import Document, Inheritance

_FILE = "variables.yaml"
_REMEMBERED = 2_000


class VariableReader:
    """Implements `ports.NamespaceVariables` on the repositories of a node."""

    def __init__(self, inheritance: Inheritance) -> None:
        """Find files by `inheritance`."""
        self._inheritance = inheritance
        self._known: OrderedDict[tuple[str, str, str], Mapping[str, Any]] = OrderedDict()
        self._parsed: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def known(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any] | None:
        """Return the variables of a namespace at a commit, None if they are not in memory."""
        return self._known.get((tenant, namespace, commit))

    async def of(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any]:
        """Return the variables of a namespace at a commit.

        Raises:
            Invalid: when a file is no YAML map. GitError, Unavailable: by the repository.
        """
        key = (tenant, namespace, commit)
        if (known := self._known.get(key)) is not None:
            return known
        try:
            chain = await self._inheritance.chain(
                tenant, namespace, _FILE, commit or None, keep=True
            )
        except NotFound:
            return {}  # a namespace of nobody has no variables
        files = [await self._one(document) for document in reversed(chain.documents)]
        found = inherited(files)
        if chain.is_fixed:
            _put(self._known, key, found)
        return found

    async def _one(self, document: Document) -> Mapping[str, Any]:
        known = self._parsed.get(document.blob)
        if known is None:
            known = await asyncio.to_thread(_read, document)
            _put(self._parsed, document.blob, known)
        return known


def _put(memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    memory[key] = value
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _read(document: Document) -> Mapping[str, Any]:
    """Read one file (blocking)."""
    return variables_of(document.read(), document.path)
