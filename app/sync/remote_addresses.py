"""Where the hosts of repositories are: looked up and checked as those of tasks, then pinned.

Git is told the addresses, so that a name cannot mean another host a moment later.
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from urllib.request import getproxies, proxy_bypass

from app.errors import GitError, RemoteUnreachable
from app.git.location import Location
from app.plugins.http import CallRefused, Egress, HttpFailure, Resolver
from app.plugins.http.resolver import Lookup, system_lookup

_SECONDS = 15.0


class RemoteAddresses:
    """Gives the addresses of a host (see `git.location.AddressSource`). Blocking."""

    def __init__(self, egress: Egress, lookup: Lookup = system_lookup) -> None:
        """Check them by `egress`; `lookup` asks the name service."""
        self._resolver = Resolver(egress, lookup)

    def __call__(self, location: Location) -> Sequence[str]:
        """Return where the host of a remote is; nothing for what is on disk, or behind a proxy.

        Raises:
            GitError: when it must not be asked. RemoteUnreachable: when it cannot be found.
        """
        if location.kind in ("own", "file"):
            return ()
        try:
            return asyncio.run(self._found(location))
        except CallRefused as error:
            raise GitError(f"the repository is not asked: {error.message}") from None
        except HttpFailure as error:
            raise RemoteUnreachable(error.message) from None

    async def _found(self, location: Location) -> Sequence[str]:
        host, port = location.host, location.port
        if _is_address(host):
            await self._resolver.check(host, port, (host,))
            return ()
        if _is_proxied(location):
            self._resolver.check_name(host, port, "")
            return ()
        return await self._resolver.addresses(host, port, _SECONDS)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_proxied(location: Location) -> bool:
    """Whether Git asks a proxy of the environment, which looks names up itself."""
    if location.kind == "ssh":
        return False
    proxies = getproxies()
    there = proxies.get(location.kind) or proxies.get("all")
    return bool(there) and not proxy_bypass(location.host)
