"""What no call may reach, whatever the policy: the ports of this service and of its database."""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from urllib.parse import parse_qs

from app.plugins.http.addresses import Address, unwrap

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^:/]*)(?::(?P<port>\d{1,5}))?")
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
        """Guard the servers that an address names, such as `postgresql://user@one,two:5433/name`.

        It is read leniently: what a driver makes of a strange address is not known here.
        """
        scheme, _, rest = url.partition("://")
        usual = _USUAL_PORTS.get(scheme.partition("+")[0])
        place, _, query = rest.partition("?")
        options = parse_qs(query)
        hosts = place.partition("/")[0].rpartition("@")[2].split(",")
        hosts += [each for text in options.get("host", ()) for each in text.split(",")]
        ports = [int(text) for text in options.get("port", ()) if text.isdecimal()]
        for text in hosts:
            found = _PLACE.fullmatch(text)
            if found is None:
                continue
            for port in filter(None, {int(found["port"] or 0) or usual, *ports}):
                self.add(found["host"], port)

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
