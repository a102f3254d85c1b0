"""The HTTP client: pyreqwest behind the `HttpClient` port (decision 0007).

Its work is done in a thread of its own without the interpreter lock; the event loop only starts a
call and takes the answer.
"""

import asyncio
import functools
from datetime import timedelta
from types import TracebackType

from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import RequestBuilder, StreamRequest

from app.plugins.http.addresses import AddressPolicy
from app.plugins.http.answers import ReqwestAnswer
from app.plugins.http.connections import Clients, Way
from app.plugins.http.egress import Egress
from app.plugins.http.failure import CallRefused, HttpFailure
from app.plugins.http.gates import Gate
from app.plugins.http.limits import Limits
from app.plugins.http.reasons import failure_of
from app.plugins.http.redirects import CODES, MOST_REDIRECTS, next_call
from app.plugins.http.resolver import Resolver
from app.plugins.http.urls import Target, parse_url
from app.ports import HttpCall

PER_HOST = 32
INLINE_BYTES = 10 * 1024 * 1024
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_seconds = functools.lru_cache(256)(lambda seconds: timedelta(seconds=seconds))


class ReqwestClient:
    """Calls HTTP services; implements `ports.HttpClient`.

    Connections stay open between calls. Nothing is taken from the environment (no proxy, no
    cookies, no netrc). A request is written at most once: a call that broke is never repeated here
    (contract D3 repeats it, under the same key).
    """

    def __init__(
        self,
        policy: AddressPolicy | Egress | None = None,
        *,
        per_host: int = PER_HOST,
        inline_bytes: int = INLINE_BYTES,
        limits: Limits | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """Connect only where `policy` allows.

        Args:
            policy: where calls may go.
            per_host: most calls at once to one host and port.
            inline_bytes: up to which size callers should keep an answer in memory.
            limits: of calls that do not say otherwise.
            resolver: looks names up; replaces `policy`.
        """
        self.limits = limits or Limits()
        self.inline_bytes = inline_bytes
        self._resolver = resolver or Resolver(policy or AddressPolicy())
        self._per_host = per_host
        self._clients = Clients(most_idle=per_host)
        self._gates: dict[str, Gate] = {}

    def send(self, call: HttpCall) -> "Exchange":
        """Return the exchange; entering it sends the request, leaving it frees the connection.

        Raises (on entering):
            HttpFailure: there is no answer.
        """
        return Exchange(self, call)

    async def close(self) -> None:
        """Close all connections."""
        await self._clients.close()

    async def enter(self, target: Target, timeout: float) -> Gate:
        """Wait for a place among the calls to this host."""
        gate = self._gates.get(target.place)
        if gate is None:
            gate = self._gates[target.place] = Gate(self._per_host)
        try:
            await gate.enter(timeout)
        except TimeoutError:
            reason = (
                f"{self._per_host} calls to {target.place} are running, the limit of one host; "
                f"none of them ended within {timeout:g} s"
            )
            raise HttpFailure(reason, host=target.place, sent=False) from None
        return gate

    def leave(self, target: Target, gate: Gate) -> None:
        """Give the place back."""
        gate.leave()
        if gate.idle and len(self._gates) > 1024:
            self._gates.pop(target.place, None)

    async def clients(self, call: HttpCall, limits: Limits, target: Target) -> list[Client]:
        """Return a client for each checked address of the target, to be tried in this order."""
        if call.proxy:
            return [await self._through_proxy(call, limits, target)]
        if target.literal:
            await self._resolver.check(target.host, target.port, (target.host,), call.tenant)
            addresses: tuple[str, ...] = ("",)
        else:
            addresses = await self._resolver.addresses(
                target.host, target.port, limits.connect, call.tenant
            )
        host = "" if target.literal else target.host
        return [self._clients.get(_way(call, limits, host, address)) for address in addresses]

    async def _through_proxy(self, call: HttpCall, limits: Limits, target: Target) -> Client:
        # The proxy looks up names, so only literal targets and the proxy itself can be checked.
        ask, tenant = self._resolver, call.tenant
        if target.literal:
            await ask.check(target.host, target.port, (target.host,), tenant)
        else:
            ask.check_name(target.host, target.port, tenant)
        through = parse_url(call.proxy or "")
        host, address = "", ""
        if through.literal:
            await ask.check(through.host, through.port, (through.host,), tenant)
        else:
            host = through.host
            found = await ask.addresses(host, through.port, limits.connect, tenant)
            address = found[0]
        return self._clients.get(_way(call, limits, host, address))


def _way(call: HttpCall, limits: Limits, host: str, address: str) -> Way:
    return Way(host, address, limits.connect, limits.read, call.verify, call.proxy)


class Exchange:
    """One call with its redirects: an asynchronous context manager that gives the answer."""

    __slots__ = ("_call", "_client", "_gate", "_request", "_target")

    def __init__(self, client: ReqwestClient, call: HttpCall) -> None:
        """Prepare; nothing is sent."""
        self._client = client
        self._call = call
        self._target: Target | None = None
        self._gate: Gate | None = None
        self._request: StreamRequest | None = None

    async def __aenter__(self) -> ReqwestAnswer:
        """Send the request, follow redirects, return the answer."""
        call, target = self._call, parse_url(self._call.url)
        limits = self._client.limits.of(call)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.total
        answered = False
        for _ in range(MOST_REDIRECTS + 1):
            try:
                answer = await self._hop(call, limits, target)
                if answer.status not in CODES:
                    return answer
                answered = True
                following = next_call(call, target, answer.status, dict(answer.headers))
            except BaseException as error:
                await self.__aexit__(None, None, None)
                if answered and isinstance(error, HttpFailure) and not error.sent:
                    # The service that redirects may have done the work already.
                    error.sent, error.definite = True, isinstance(error, CallRefused)
                raise
            if following is None:
                return answer
            await self.__aexit__(None, None, None)
            call, target = following
            limits = limits._replace(total=max(0.001, deadline - loop.time()))
        reason = f"{target.place} redirects again after {MOST_REDIRECTS} redirects"
        raise HttpFailure(reason, host=target.place, sent=True, definite=True)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the connection, or close it when the answer was not read to its end."""
        request, self._request = self._request, None
        gate, self._gate = self._gate, None
        try:
            if request is not None:
                await request.__aexit__(kind, error, traceback)
        finally:
            if gate is not None and self._target is not None:
                self._client.leave(self._target, gate)

    async def _hop(self, call: HttpCall, limits: Limits, target: Target) -> ReqwestAnswer:
        self._target = target
        self._gate = await self._client.enter(target, limits.total)
        clients = await self._client.clients(call, limits, target)
        for client in clients[:-1]:
            try:
                return await self._send(client, call, limits, target)
            except HttpFailure as failure:
                if failure.sent:
                    raise  # else the next address is tried
        return await self._send(clients[-1], call, limits, target)

    async def _send(
        self, client: Client, call: HttpCall, limits: Limits, target: Target
    ) -> ReqwestAnswer:
        request = _build(client, call, limits.total, target)
        try:
            response = await request.__aenter__()
        except PyreqwestError as error:
            raise failure_of(error, limits, target.place, answered=False) from None
        self._request = request
        return ReqwestAnswer(response, limits, target.place, head=call.method == "HEAD")


def _build(client: Client, call: HttpCall, total: float, target: Target) -> StreamRequest:
    try:
        builder: RequestBuilder = (
            client.request(call.method, target.url).headers(call.headers).timeout(_seconds(total))
        )
        if target.credentials and not any(n.lower() == "authorization" for n, _ in call.headers):
            builder = builder.basic_auth(*target.credentials)
        body = call.body
        if body is None:
            if call.method in _WITH_BODY:
                builder = builder.header("Content-Length", "0")  # RFC 9110 §8.6
        elif isinstance(body, bytes):
            builder = builder.body_bytes(body)
        else:
            builder = builder.body_stream(body)
        # Without a buffer the answer is here with its status, not only with 64 KiB of its body.
        return builder.streamed_read_buffer_limit(0).build_streamed()
    except ValueError as error:
        reason = f"the request to {target.place} cannot be sent: {error}"
        raise HttpFailure(reason, host=target.place, sent=False) from None
