"""The limits of one call, settled: what the call says, else what the client was made with."""

from typing import NamedTuple

from app.ports import HttpCall


class Limits(NamedTuple):
    """Times in seconds, size in bytes."""

    connect: float = 5.0
    """To make a connection, the look-up of the name included."""
    read: float = 10.0
    """Without a byte."""
    total: float = 60.0
    """For everything, redirects and the whole answer included."""
    body_bytes: int = 1024**3
    """The largest answer that is accepted, unpacked."""

    def of(self, call: HttpCall) -> "Limits":
        """Return the limits of a call."""
        connect = self.connect if call.connect_timeout is None else call.connect_timeout
        total = call.total_timeout
        if total is None:
            # Who waits longer for a byte than the usual total has asked for a longer total.
            total = max(self.total, connect + call.read_timeout)
        return Limits(connect, call.read_timeout, total, self.body_bytes)
