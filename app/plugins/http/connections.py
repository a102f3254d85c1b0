"""The library's clients: built once per way to connect, kept while they are used.

The library settles name resolution, time limits of a connection, proxy and trust per client, not
per request; so each combination in use has its client with its own pool of open connections.
"""

from collections import OrderedDict
from datetime import timedelta
from typing import NamedTuple

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.proxy import ProxyBuilder

MOST_CLIENTS = 256
USER_AGENT = "Headwater"
IDLE_SECONDS = 60


class Way(NamedTuple):
    """One way to connect. `host` and `address` are empty where the URL holds the address itself."""

    host: str
    address: str
    connect_timeout: float
    read_timeout: float
    verify: bool
    proxy: str | None


class Clients:
    """The clients in use, least recently used first; the oldest goes when there are too many."""

    def __init__(self, most_idle: int) -> None:
        """Keep `most_idle` unused connections to one host open."""
        self._most_idle = most_idle
        self._clients: OrderedDict[Way, Client] = OrderedDict()

    def get(self, way: Way) -> Client:
        """Return the client for a way to connect; raises `ValueError` for a proxy that is none."""
        client = self._clients.get(way)
        if client is None:
            client = self._clients[way] = _build(way, self._most_idle)
            if len(self._clients) > MOST_CLIENTS:
                # Not closed: its calls go on; its idle connections end by themselves.
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(way)
        return client

    async def close(self) -> None:
        """Close all connections; calls that are running fail."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()


def _build(way: Way, most_idle: int) -> Client:
    builder = (
        ClientBuilder()
        .user_agent(USER_AGENT)
        .connect_timeout(timedelta(seconds=way.connect_timeout))
        .read_timeout(timedelta(seconds=way.read_timeout))
        .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
        .pool_max_idle_per_host(most_idle)
        # Redirects and content codings are ours: each hop is checked, nothing unpacks unbounded.
        .follow_redirects(False)
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
    )
    if not way.verify:
        builder = builder.danger_accept_invalid_certs(True)
    if way.host:
        builder = builder.resolve(way.host, way.address, 0)  # 0: the port of the URL
    # Without a proxy of its own a client would take the one of our environment.
    return (builder.proxy(ProxyBuilder.all(way.proxy)) if way.proxy else builder.no_proxy()).build()
