"""Where calls may go: the policy of the service, narrowed by that of the tenant that calls."""

import functools
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from app.config import Settings
from app.config.egress import Destination, PolicyName, parse_destination
from app.plugins.http.addresses import Address, AddressPolicy, unwrap
from app.plugins.http.failure import CallRefused
from app.plugins.http.own import Lookup, OwnPlaces

Narrowing = Callable[[str], "Policy | None"]
"""Gives the policy of a tenant; None: it has none of its own."""

_EVERYTHING = tuple(map(parse_destination, ("0.0.0.0/0", "::/0")))


@dataclass(frozen=True, eq=False)
class Policy:
    """Decides which destinations may be called. Told apart by identity: hashing one takes long."""

    addresses: AddressPolicy = AddressPolicy()  # noqa: RUF009 - frozen
    allow: tuple[Destination, ...] = ()
    """Destinations that may be called whatever `addresses` says, but for metadata services."""
    is_list: bool = False
    """Whether only what `allow` names may be called."""
    whose: str = "the service"
    """Who made the rule, for people."""

    @classmethod
    def named(
        cls, name: PolicyName, allow: Sequence[str] = (), *, whose: str = "the service"
    ) -> "Policy":
        """Return the policy of a name with its allow-list; raises `ValueError` for an entry."""
        return cls(
            AddressPolicy(allow_loopback=name == "open", allow_private=True),
            tuple(map(parse_destination, allow)),
            is_list=name == "allow-list",
            whose=whose,
        )

    def refusal(self, host: str, port: int, text: str) -> str | None:
        """Return why an address of a host must not be called, None if it may be."""
        if never := self.addresses.never(text):
            return never
        address = unwrap(ipaddress.ip_address(text.partition("%")[0]))
        if any(self._allows(each, host, port, address) for each in self.allow):
            return None
        if self.is_list:
            return f"the allow-list of {self.whose} does not name it"
        why = self.addresses.refusal(text)
        return why and f"{why}, which {self.whose} does not allow"

    def _allows(self, each: Destination, host: str, port: int, address: Address) -> bool:
        """Whether an entry means an address. A name that comes to mean this machine does not."""
        if not each.holds(host, port, address):
            return False
        is_local = address.is_loopback or address.is_unspecified
        return not (each.name and is_local) or each.name == "localhost"

    def refuses_name(self, host: str, port: int) -> str | None:
        """Return why a name must not be called that only a proxy can resolve."""
        if self.is_list and not any(each.holds(host, port, None) for each in self.allow):
            return f"the allow-list of {self.whose} does not name it"
        return None


class Egress:
    """The one place where it is decided whether a connection may be made."""

    def __init__(
        self,
        policy: Policy | AddressPolicy,
        own: OwnPlaces | None = None,
        narrowing: Narrowing | None = None,
    ) -> None:
        """`policy` holds for all calls; `narrowing` gives what a tenant allows less."""
        self.policy = policy if isinstance(policy, Policy) else Policy(policy)
        self.own = own or OwnPlaces()
        self.narrowing = narrowing
        # The same few addresses are asked for again and again.
        self._refusal = functools.lru_cache(4096)(_refusal)

    def trusted(self) -> "Egress":
        """Return the rules for addresses that an administrator named: all but what is never called.

        The service's own ports count among these.
        """
        return Egress(Policy(allow=_EVERYTHING), self.own)

    def public(self) -> "Egress":
        """Return the rules for addresses that others named: no inner ones but allowed by name."""
        return Egress(replace(self.policy, addresses=AddressPolicy(allow_private=False)), self.own)

    async def check(
        self, host: str, port: int, addresses: Iterable[str], tenant: str, lookup: Lookup
    ) -> None:
        """Let a connection pass.

        Raises:
            CallRefused: when one of the addresses of the host must not be called.
        """
        found = tuple(addresses)
        if self.own.guards(port) and (ours := await self.own.refusal(host, port, found, lookup)):
            _refuse(host, found[0], ours)
        for policy in self._policies(tenant):
            for address in found:
                if why := self._refusal(policy, host, port, address):
                    _refuse(host, address, why)

    def check_name(self, host: str, port: int, tenant: str) -> None:
        """Let a call by a proxy pass, to a name that only the proxy resolves; raises as `check`."""
        for policy in self._policies(tenant):
            if why := policy.refuses_name(host, port):
                raise CallRefused(f"{host} must not be called: {why}", host=host, sent=False)

    def _policies(self, tenant: str) -> Sequence[Policy]:
        if not tenant or self.narrowing is None:
            return (self.policy,)
        narrower = self.narrowing(tenant)
        return (self.policy,) if narrower is None else (self.policy, narrower)


def egress_of(settings: Settings) -> Egress:
    """Return the rules that the settings ask for; they guard the service's own ports."""
    chosen, http = settings.egress, settings.http
    name = chosen.policy or ("open" if http.allow_loopback else "private")
    policy = Policy(
        AddressPolicy(
            allow_loopback=name == "open" or http.allow_loopback, allow_private=http.allow_private
        ),
        tuple(map(parse_destination, chosen.allow)),
        is_list=name == "allow-list",
    )
    own = OwnPlaces()
    if settings.server.port:
        own.add(
            settings.server.host if settings.server.host != "localhost" else "",
            settings.server.port,
        )
    if settings.database.url is not None:
        own.add_url(settings.database.url.get_secret_value())
    return Egress(policy, own)


def _refusal(policy: Policy, host: str, port: int, address: str) -> str | None:
    return policy.refusal(host, port, address)


def _refuse(host: str, address: str, why: str) -> NoReturn:
    reason = f"the address {address} of {host} must not be called: {why}"
    raise CallRefused(reason, host=host, sent=False)
