"""Secrets for the expressions of one execution: out of Git, else of the server's environment.

What was asked for is kept for a while, so that a loop does not decrypt in every round; at the end
of the execution it goes with it.
"""

import asyncio
import weakref
from typing import NamedTuple

from app.engine.secret_variables import entry_of, secret_of
from app.errors import Forbidden, NotFound
from app.expressions import UNKNOWN
from app.flows.keyvalues import lineage
from app.ports import SecretStore, SecretUse, TenantRules

_SECONDS = 60.0
"""How long plain text is kept at most, whatever the store says."""

Found = tuple[str, ...]
"""The last text is what was asked for, those before it hold it."""


class Asker(NamedTuple):
    """Who asks for secrets."""

    tenant: str
    namespace: str
    commit: str | None = None
    flow_id: str = ""
    execution_id: str = ""


class SecretAnswers:
    """The secrets that one execution asks for, by namespace and key."""

    def __init__(self, store: SecretStore | None, asker: Asker, rules: TenantRules) -> None:
        """Ask `store`, if there is one; forget everything some time after it was asked for.

        `rules` say whose secrets may be asked for.
        """
        self._store = store
        self._rules = rules
        self._asker = asker
        self._seconds = 0.0 if store is None else min(store.seconds, _SECONDS)
        self._known: dict[tuple[str, str], Found] = {}
        self.used: set[str] = set()

    def at_once(self, key: str, namespace: str | None, subkey: str | None) -> Found | object:
        """Return a secret that is known without waiting, else `UNKNOWN`.

        Raises:
            NotFound, BadRequest: as `secret_of`.
        """
        if self._store is None:
            return secret_of(key, subkey)
        known = self._known.get((namespace or self._asker.namespace, key))
        return UNKNOWN if known is None else _part(known, key, subkey)

    async def fetch(self, key: str, namespace: str | None, subkey: str | None) -> Found:
        """Return a secret.

        Raises:
            NotFound: when there is none, or it has no such entry.
            Forbidden: when the other namespace does not let this one read its secrets.
            HeadwaterError: when the file that holds it cannot be decrypted.
        """
        place = namespace or self._asker.namespace
        if self._store is None:
            return secret_of(key, subkey)
        commit = self._asker.commit
        if place not in lineage(self._asker.namespace):
            await self._allow(place)
            commit = None
        lookup = await self._store.secrets(self._asker.tenant, place, commit)
        value = await asyncio.to_thread(lookup.find, key)
        found = self._of_service(key) if value is None else (value,)
        self._keep((place, key), found)
        return _part(found, key, subkey)

    def _of_service(self, key: str) -> Found:
        if self._store is None or self._store.reads_environment(self._asker.tenant):
            return secret_of(key)
        message = f"Cannot find secret for key '{key}'."  # as `secret_of` says it
        raise NotFound(message)

    async def _allow(self, namespace: str) -> None:
        asker = self._asker
        reason = await self._rules.refusal(asker.tenant, asker.namespace, namespace, "secrets")
        if reason is not None:
            raise Forbidden(reason)

    def use(self, key: str) -> SecretUse | None:
        """Return the use of a secret to be told of, None if it was told already."""
        if key in self.used:
            return None
        self.used.add(key)
        asker = self._asker
        return SecretUse(asker.tenant, asker.namespace, asker.flow_id, asker.execution_id, key)

    def _keep(self, place: tuple[str, str], found: Found) -> None:
        if self._seconds <= 0:
            return
        self._known[place] = found
        # The loop holds the timer, the timer does not hold the secrets.
        asyncio.get_running_loop().call_later(self._seconds, _forget, weakref.ref(self), place)

    def __repr__(self) -> str:
        """Tell how many there are, never which."""
        return f"SecretAnswers({len(self._known)})"


def _part(found: Found, key: str, subkey: str | None) -> Found:
    return found if subkey is None else (*found, entry_of(key, found[-1], subkey))


def _forget(answers: "weakref.ref[SecretAnswers]", place: tuple[str, str]) -> None:
    known = answers()
    if known is not None:
        known._known.pop(place, None)  # noqa: SLF001 - a method of it would keep it alive
