"""Content codings of answers: gzip and deflate, undone step by step and never beyond a bound.

A small answer may unpack to any size ("gzip bomb"). `Inflater` unpacks at most what is asked for
and keeps the rest packed. The client asks for no coding; servers may use one even so, or because
the flow's own `Accept-Encoding` asked for it.
"""

import zlib

PIECE = 64 * 1024
"""Most bytes unpacked at a time."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
CODINGS = ("gzip", "x-gzip", "deflate")


class Inflater:
    """Unpacks one body."""

    def __init__(self) -> None:
        """Start at the beginning of a body."""
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._begun = False
        self._packed = b""

    def feed(self, packed: bytes) -> None:
        """Add bytes as they came, once those before are taken; empty: there are no more.

        Raises:
            zlib.error: there are no more, and the body is not complete.
        """
        if not packed:
            raise zlib.error("it breaks off")
        self._packed = packed

    def take(self, limit: int) -> bytes:
        """Return the next unpacked bytes, at most `limit`; empty when more input is needed.

        Raises:
            zlib.error: the body is damaged.
        """
        while self._packed:
            piece = self._piece(min(limit, PIECE))
            if self._inflate.eof:
                # RFC 1952: further members may follow.
                self._packed = self._inflate.unused_data
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
                self._begun = False
            else:
                self._packed = self._inflate.unconsumed_tail
            if piece:
                return piece
        return b""

    def _piece(self, limit: int) -> bytes:
        begun, self._begun = self._begun, True
        try:
            return self._inflate.decompress(self._packed, limit)
        except zlib.error:
            if begun:
                raise
            # Some servers call raw deflate data "deflate", without the zlib frame of RFC 9110.
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._inflate.decompress(self._packed, limit)

    @property
    def complete(self) -> bool:
        """Whether the body may end here."""
        return not self._begun
