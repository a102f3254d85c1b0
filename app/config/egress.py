"""Where calls may go: the settings of outgoing connections, and how a destination is written."""

import ipaddress
import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from app.config.sections import Section

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PolicyName = Literal["open", "private", "allow-list"]

_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*\.?")
_WITH_PORT = re.compile(r"(?P<host>\[[^\[\]]+\](?:/\d+)?|[^:\[\]]+)(?::(?P<port>\d{1,5}))?")
_MOST_PORT = 65_535


class Destination(NamedTuple):
    """One entry of an allow-list: a name, all names below one, or a network; with a port or any."""

    name: str = ""
    """`api.example.org`; `*.example.org` is every name below, not itself. "": a network."""
    network: Network | None = None
    port: int | None = None

    def holds(self, host: str, port: int, address: Address | None) -> bool:
        """Whether a host at a port is meant; `address` is what the host turned out to be."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address is not None and address in self.network
        host = host.lower().rstrip(".")
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name


def parse_destination(text: str) -> Destination:
    """Read an entry such as `api.example.org`, `*.example.org:443`, `10.1.0.0/16`, `[::1]:8080`.

    Raises:
        ValueError: it is none of these.
    """
    whole = text.strip().lower()
    if whole.count(":") > 1 and not whole.startswith("["):
        return Destination(network=_network(whole, text))
    found = _WITH_PORT.fullmatch(whole)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port <= _MOST_PORT):
        raise _refused(text)
    host = found["host"]
    if host.startswith("[") or re.fullmatch(r"[\d./]+", host):
        return Destination(
            network=_network(host.replace("[", "").replace("]", ""), text), port=port
        )
    if not _NAME.fullmatch(host):
        raise _refused(text)
    return Destination(name=host.rstrip("."), port=port)


def _network(text: str, whole: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise _refused(whole) from None


def _refused(text: str) -> ValueError:
    return ValueError(
        f"{text!r} is no destination: a host name, *.name, an address or a network is needed, "
        "each with or without :port"
    )


def _destinations(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        parse_destination(text)
    return texts


class EgressSettings(Section):
    """Where tasks, expressions, triggers and sources may connect to."""

    policy: PolicyName | None = Field(
        None,
        description="`open`: everything, this machine included; `private`: everything but this "
        "machine; `allow-list`: what `allow` names, nothing else. Without it: `open` where "
        "`http.allow_loopback` is set, as in `headwater dev`, else `private`. Link-local "
        "addresses, metadata services of clouds, and the ports of this service and its database "
        "are never called.",
    )
    allow: Annotated[tuple[str, ...], AfterValidator(_destinations)] = Field(
        (),
        description="Destinations that may be called: names, `*.name` for all names below one, "
        "addresses and networks, each with or without `:port`. Under the other policies they are "
        "exceptions, such as `100.64.0.0/10`.",
    )
