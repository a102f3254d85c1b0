"""What no call may reach, whatever the policy: the ports of this service and of its database."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from urllib.parse import urlsplit

from app.plugins.http.addresses import Address, unwrap

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

_USUAL_PORTS = {"postgresql": 5432, "postgres": 5432, "nats": 4222}


class OwnPlaces:
    """Hosts and ports that are ours: a flow that reaches them speaks for the service itself."""

    def __init__(self, places: Iterable[tuple[str, int]] = ()) -> None:
        """Guard these; "" is this machine, by any of its addresses."""
        self._hosts: dict[int, set[str]] = {}
        for host, port in places:
            self.add(host, port)

    def add(self, host: str, port: int) -> None:
        """Guard one more."""
        self._hosts.setdefault(port, set()).add(host.strip("[]").lower())

    def add_url(self, url: str) -> None:
        """Guard the server that an address names, such as `postgresql://user@host/name`."""
        parts = urlsplit(url)
        port = parts.port or _USUAL_PORTS.get(parts.scheme.partition("+")[0])
        if port is not None:
            self.add(parts.hostname or "", port)

    def guards(self, port: int) -> bool:
        """Whether anything of ours is at this port, of whatever host."""
        return port in self._hosts

    async def refusal(
        self, host: str, port: int, addresses: Iterable[str], lookup: Lookup
    ) -> str | None:
        """Return why a host and port must not be called, None if they may be."""
        guarded = self._hosts.get(port)
        if not guarded:
            return None
        if host.lower().rstrip(".") in guarded:
            return _OURS
        found = {unwrap(ipaddress.ip_address(text.partition("%")[0])) for text in addresses}
        for ours in guarded:
            theirs = await _addresses(ours, port, lookup)
            # What listens here answers on every address of this machine, usually.
            here = not theirs or any(map(is_here, theirs))
            if found & theirs or (here and any(map(is_here, found))):
                return _OURS
        return None


_OURS = "this port is the service's own, or its database's"


async def _addresses(host: str, port: int, lookup: Lookup) -> set[Address]:
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return set()
    try:
        return {unwrap(ipaddress.ip_address(host))}
    except ValueError:
        pass
    try:
        found = await lookup(host, port)
    except OSError:
        return set()  # not resolved: taken for this machine, which errs on the safe side
    return {unwrap(ipaddress.ip_address(text.partition("%")[0])) for text in found}


def is_here(address: Address) -> bool:
    """Whether an address is one of this machine: only those can be bound."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
