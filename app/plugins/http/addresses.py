"""Which network addresses may be called, and the look-up of names (SSRF policy).

A name is resolved once, every answer is checked, and the connection goes to a checked address, so
that a name cannot change its meaning between the check and the connection. Addresses that wrap an
IPv4 address (mapped, compatible, 6to4, NAT64, Teredo) are judged by what they wrap.
"""

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from app.plugins.http.failure import CallRefused, HttpFailure

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

REMEMBERED_SECONDS = 10.0
MOST_NAMES = 4096

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# Where clouds answer with credentials, outside of the link-local range: AWS, Google, Alibaba,
# Azure, Oracle.
_METADATA = tuple(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
_COMPATIBLE = ipaddress.ip_network("::/96")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (address in _COMPATIBLE and low > 1):
        return ipaddress.IPv4Address(low)
    return address


@dataclass(frozen=True)
class AddressPolicy:
    """Decides which addresses may be connected to.

    Link-local, metadata, multicast and unassigned addresses are always refused, except for the
    networks that are allowed by name.
    """

    allow_loopback: bool = False
    allow_private: bool = True
    networks: Sequence[Network] = ()
    """Networks allowed besides, e.g. 100.64.0.0/10 of a cluster."""

    def refusal(self, text: str) -> str | None:
        """Return why the address must not be called, None if it may be."""
        outer = ipaddress.ip_address(text.partition("%")[0])
        address = unwrap(outer)
        if address.is_link_local or address in _METADATA or outer in _METADATA:
            return "it is link-local or serves cloud metadata"
        if any(address in network for network in self.networks):
            return None
        if address.is_loopback:
            return None if self.allow_loopback else "it is this machine itself"
        if any(address in network for network in _PRIVATE):
            return None if self.allow_private else "it is private"
        return None if _is_public(address) else "it is no public address"


def _is_public(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


async def _system_lookup(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Resolver:
    """Turns hosts into checked addresses; remembers them for ten seconds."""

    def __init__(self, policy: AddressPolicy, lookup: Lookup = _system_lookup) -> None:
        """Check addresses by `policy`; `lookup` asks the name service."""
        self._policy = policy
        self._lookup = lookup
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        # Literal addresses are asked for again and again.
        self._refusal = functools.lru_cache(MOST_NAMES)(policy.refusal)

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Raise `CallRefused` when one of the addresses must not be called."""
        for address in addresses:
            if why := self._refusal(address):
                reason = f"the address {address} of {host} must not be called: {why}"
                raise CallRefused(reason, host=host, sent=False)

    async def addresses(self, host: str, port: int, timeout: float) -> tuple[str, ...]:
        """Return the addresses of a host name, each of them checked; at least one.

        Raises:
            HttpFailure: the name cannot be resolved, or one of its addresses is refused.
        """
        now = asyncio.get_running_loop().time()
        until, known = self._known.get((host, port), (0.0, ()))
        if now < until:
            return known
        found = await self._ask(host, port, timeout)
        self.check(host, found)
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[host, port] = (now + REMEMBERED_SECONDS, found)
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
