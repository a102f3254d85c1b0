"""The look-up of names: once, every answer checked, and the connection goes to a checked address.

So a name cannot change its meaning between the check and the connection.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from app.plugins.http.addresses import AddressPolicy
from app.plugins.http.egress import Egress
from app.plugins.http.failure import HttpFailure

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

REMEMBERED_SECONDS = 10.0
MOST_NAMES = 4096
_OWN_SECONDS = 5.0


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """Ask the name service of this machine; raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Resolver:
    """Turns hosts into checked addresses; remembers for ten seconds what names mean."""

    def __init__(self, egress: Egress | AddressPolicy, lookup: Lookup = system_lookup) -> None:
        """Check addresses by `egress`; `lookup` asks the name service."""
        self._egress = Egress(egress) if isinstance(egress, AddressPolicy) else egress
        self._lookup = lookup
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    async def check(self, host: str, port: int, addresses: Iterable[str], tenant: str = "") -> None:
        """Raise `CallRefused` when one of the addresses must not be called by a tenant."""
        await self._egress.check(host, port, addresses, tenant, self._own)

    def check_name(self, host: str, port: int, tenant: str) -> None:
        """Raise `CallRefused` when a name that a proxy resolves must not be called."""
        self._egress.check_name(host, port, tenant)

    async def addresses(
        self, host: str, port: int, timeout: float, tenant: str = ""
    ) -> tuple[str, ...]:
        """Return the addresses of a host name, each of them checked; at least one.

        Raises:
            HttpFailure: the name cannot be resolved, or one of its addresses is refused.
        """
        now = asyncio.get_running_loop().time()
        until, found = self._known.get((host, port), (0.0, ()))
        if now >= until:
            found = await self._ask(host, port, timeout)
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            self._known[host, port] = (now + REMEMBERED_SECONDS, found)
        await self.check(host, port, found, tenant)
        return found

    async def _ask(self, host: str, port: int, timeout: float) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(timeout):
                found = await self._lookup(host, port)
        except TimeoutError:
            why = f"not answered within {timeout:g} s"
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
        else:
            if found:
                return tuple(dict.fromkeys(found))
            why = "it has no address"
        raise HttpFailure(f"the name {host} cannot be resolved: {why}", host=host, sent=False)

    async def _own(self, host: str, port: int) -> Sequence[str]:
        async with asyncio.timeout(_OWN_SECONDS):
            return await self._lookup(host, port)
