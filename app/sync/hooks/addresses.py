"""Which addresses may deliver: networks that are set, and those that the forge publishes."""

import ipaddress
from collections.abc import Iterable, Sequence

from app.errors import Forbidden, HeadwaterError, Unavailable
from app.ports import Clock
from app.sync.worker import SourceWorker

META = "meta"
_KEPT = 3_600_000_000
"""Microseconds for which a forge's networks are taken for good."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Judges who calls. The address is that of the connection: no header says otherwise."""

    def __init__(self, clock: Clock) -> None:
        """Know no networks of forges yet."""
        self._clock = clock
        self._published: dict[str, tuple[int, tuple[Network, ...]]] = {}

    async def check(self, workers: Sequence[SourceWorker], address: str | None) -> None:
        """Refuse an address that is in none of the networks of these sources; None: it is ours.

        Raises:
            Forbidden: when it is in none. Unavailable: when the forge does not tell its networks.
        """
        limited = [worker for worker in workers if worker.spec.hook_addresses]
        if not limited or address is None:
            return
        for worker in limited:
            if _holds(await self._networks(worker), address):
                return
        message = f"deliveries from {address} are not taken: see hook_addresses"
        raise Forbidden(message)

    async def _networks(self, worker: SourceWorker) -> tuple[Network, ...]:
        texts = worker.spec.hook_addresses
        named = tuple(ipaddress.ip_network(each, strict=False) for each in texts if each != META)
        return named + await self._of_forge(worker) if META in texts else named

    async def _of_forge(self, worker: SourceWorker) -> tuple[Network, ...]:
        read_at, known = self._published.get(worker.id, (0, ()))
        if known and self._clock.now() - read_at < _KEPT:
            return known
        try:
            known = await self._ask(worker)
        except HeadwaterError as error:
            if not known:  # what was true an hour ago is better than no webhook
                message = f"the networks of the forge are not known: {error.message}"
                raise Unavailable(message) from None
        self._published[worker.id] = self._clock.now(), known
        return known

    async def _ask(self, worker: SourceWorker) -> tuple[Network, ...]:
        forge = worker.parts.forge
        if forge is None:
            message = f"source {worker.id} has no forge to ask: set its forge, or name networks"
            raise Unavailable(message)
        texts = await forge.hook_networks()
        return tuple(ipaddress.ip_network(each, strict=False) for each in texts)


def _holds(networks: Iterable[Network], address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
