"""Bodies that are taken as they came: limited in size and in time while they arrive."""

import asyncio

from starlette.requests import Request

from app.errors import TooLarge, TooSlow

SECONDS = 10.0
"""Within these a body must have arrived (security case 5)."""


async def raw_body(request: Request, limit: int, what: str) -> bytes:
    """Return the whole body; `what` names it in errors.

    Raises:
        TooLarge: as soon as it is larger than `limit` bytes.
        TooSlow: when it does not arrive in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    message = f"the {what} is larger than {limit} bytes"
                    raise TooLarge(message)
    except TimeoutError:
        message = f"the {what} did not arrive within {SECONDS:.0f} seconds"
        raise TooSlow(message) from None
    return bytes(body)
