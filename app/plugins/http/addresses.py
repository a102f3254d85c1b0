"""Which network addresses may be called (SSRF policy).

Addresses that wrap an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo) are judged by what
they wrap.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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

    def never(self, text: str) -> str | None:
        """Return why the address must not be called whatever is allowed, None if that may be."""
        outer = ipaddress.ip_address(text.partition("%")[0])
        address = unwrap(outer)
        if address.is_link_local or address in _METADATA or outer in _METADATA:
            return "it is link-local or serves cloud metadata"
        return None

    def refusal(self, text: str) -> str | None:
        """Return why the address must not be called, None if it may be."""
        if never := self.never(text):
            return never
        address = unwrap(ipaddress.ip_address(text.partition("%")[0]))
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
