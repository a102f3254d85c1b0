"""Who gives tokens that are good for a while."""

from typing import Protocol


class Tokens(Protocol):
    """Gives tokens; asks for a new one when the last is about to end."""

    async def token(self) -> str:
        """Return a token that is good for some minutes at least."""
        ...
