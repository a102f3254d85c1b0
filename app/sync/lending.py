"""Tokens of a forge for Git itself: asked for where Git runs, which is not the event loop."""

import asyncio
from collections.abc import Callable

from app.errors import HeadwaterError, RemoteUnreachable
from app.git.location import Credentials
from app.ports import Forge

_SECONDS = 30.0

Lender = Callable[[], Credentials | None]


def lender_of(forge: Forge | None) -> Lender:
    """Return what gives a thread the forge's token of the moment; call this in the event loop.

    Raises (what is returned):
        RemoteUnreachable, and what the forge's `read_token` raises.
    """
    if forge is None:
        return lambda: None
    loop = asyncio.get_running_loop()

    def lend() -> Credentials | None:
        asked = asyncio.run_coroutine_threadsafe(forge.read_token(), loop)
        try:
            pair = asked.result(_SECONDS)
        except TimeoutError:
            asked.cancel()
            message = f"{forge.kind} gave no token for {forge.repository} within {_SECONDS:g} s"
            raise RemoteUnreachable(message) from None
        except HeadwaterError as error:
            message = f"{forge.kind} gives no token for {forge.repository}: {error.message}"
            raise RemoteUnreachable(message) from None
        return None if pair is None else Credentials(pair[1], pair[0])

    return lend
