"""Wrong passwords: so many for one account from one address, then one has to wait.

Counted by account *and* address, so that nobody can lock somebody else out. An address as a whole
may try more, since many people share one; it bounds what trying costs us.
"""

import ipaddress
import time
from typing import TYPE_CHECKING

from app.errors import TooMany

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

_OF_ADDRESS = 10
"""How many times as much as one account an address may try."""
_IPV6_SITE = 64
_LONGEST = 256


class Attempts:
    """Counts attempts in memory; each node counts for itself."""

    def __init__(self, per_minute: int) -> None:
        """Allow so many a minute, three times as many in ten minutes, six times in an hour."""
        self._per_minute = per_minute
        self._limiter: MovingWindowRateLimiter | None = None
        self._account: tuple[RateLimitItem, ...] = ()
        self._address: tuple[RateLimitItem, ...] = ()

    def begin(self, account: str, address: str) -> None:
        """Count an attempt that begins.

        Raises:
            TooMany: when there were too many; `retry_after` says how many seconds to wait.
        """
        place = site_of(address)
        limiter = self._ready()
        for limit in self._address:
            self._hit(limiter, limit, place)
        for limit in self._account:
            self._hit(limiter, limit, place, account.lower()[:_LONGEST])

    def _hit(self, limiter: "MovingWindowRateLimiter", limit: "RateLimitItem", *names: str) -> None:
        if limiter.hit(limit, *names):
            return
        reset = limiter.get_window_stats(limit, *names).reset_time
        wait = max(1, int(reset - time.time()) + 1)
        message = f"too many attempts to log in; try again in {wait} seconds"
        raise TooMany(message, retry_after=wait)

    def _ready(self) -> "MovingWindowRateLimiter":
        if self._limiter is None:
            from limits import RateLimitItemPerHour, RateLimitItemPerMinute  # noqa: PLC0415 - late
            from limits.storage import MemoryStorage  # noqa: PLC0415 - as above
            from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415 - as above

            few = self._per_minute
            self._account = (
                RateLimitItemPerMinute(few),
                RateLimitItemPerMinute(3 * few, 10),
                RateLimitItemPerHour(6 * few),
            )
            self._address = (RateLimitItemPerMinute(_OF_ADDRESS * few),)
            self._limiter = MovingWindowRateLimiter(MemoryStorage())
        return self._limiter

    def succeed(self, account: str, address: str) -> None:
        """Forget the attempts for an account from an address: the password was right."""
        for limit in self._account:
            self._ready().clear(limit, site_of(address), account.lower()[:_LONGEST])


def site_of(address: str) -> str:
    """Return what stands for an address: the /64 of an IPv6 one, for each site has as many."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
    return str(parsed)
