"""The client of a node, made when the first call is: many nodes never make one."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from app.plugins.http.addresses import AddressPolicy
from app.plugins.http.egress import Egress
from app.plugins.http.limits import Limits
from app.ports import HttpAnswer, HttpCall

if TYPE_CHECKING:
    from app.plugins.http.reqwest import ReqwestClient


class LateClient:
    """Implements `HttpClient`; its library, 7 MB of memory, is loaded with the first call."""

    def __init__(
        self, policy: AddressPolicy | Egress, *, per_host: int, inline_bytes: int, limits: Limits
    ) -> None:
        """Keep what the client will be made with (see `ReqwestClient`)."""
        self.inline_bytes = inline_bytes
        self._policy = policy
        self._per_host = per_host
        self._limits = limits
        self._client: ReqwestClient | None = None

    def send(self, call: HttpCall) -> AbstractAsyncContextManager[HttpAnswer]:
        """Send the request (see the port)."""
        if self._client is None:
            self._client = self._made()
        return self._client.send(call)

    def _made(self) -> "ReqwestClient":
        from app.plugins.http.reqwest import ReqwestClient  # noqa: PLC0415 - see the class

        return ReqwestClient(
            self._policy,
            per_host=self._per_host,
            inline_bytes=self.inline_bytes,
            limits=self._limits,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
