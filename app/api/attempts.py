"""Wrong passwords: so many for one account from one address, then one has to wait.

Counted by account *and* address, so that nobody can lock somebody else out. An address as a whole
may try more, since many people share one; it bounds what trying costs us.
"""

import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def one(self, account: str, address: str) -> Iterator[None]:
        """Count what is done in a `with` block as an attempt; it failed if the block raises.

        One that went well is forgotten: clients that send a password with every request are many,
        and share addresses.

        Raises:
            TooMany: when there were too many; `retry_after` says how many seconds to wait.
        """
        limiter, place, name = self._ready(), site_of(address), _key(account)
        for limit in self._address:
            _refuse(limiter, limit, limiter.test(limit, place), place)
        for limit in self._account:
            _refuse(limiter, limit, limiter.hit(limit, place, name), place, name)
        try:
            yield
        except BaseException:
            for limit in self._address:
                limiter.hit(limit, place)
            raise
        for limit in self._account:
            limiter.clear(limit, place, name)

    def check(self, account: str, address: str) -> None:
        """Refuse, where an attempt would be, what needs none: guesses must not find it out.

        Raises:
            TooMany: as an attempt.
        """
        if self._limiter is None:
            return  # there was none yet
        place, name = site_of(address), _key(account)
        for limit in self._account:
            _refuse(self._limiter, limit, self._limiter.test(limit, place, name), place, name)

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


def _key(account: str) -> str:
    return account.lower()[:_LONGEST]


def _refuse(
    limiter: "MovingWindowRateLimiter", limit: "RateLimitItem", passes: bool, *names: str
) -> None:
    if passes:
        return
    reset = limiter.get_window_stats(limit, *names).reset_time
    wait = max(1, int(reset - time.time()) + 1)
    message = f"too many attempts to log in; try again in {wait} seconds"
    raise TooMany(message, retry_after=wait)


def site_of(address: str) -> str:
    """Return what stands for an address: the /64 of an IPv6 one, for each site has as many."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
    return str(parsed)
