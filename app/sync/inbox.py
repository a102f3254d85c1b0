"""Webhook deliveries that are more than a push: kept until somebody has acted on them."""

from collections.abc import Awaitable, Callable

from app.sync.model import HookEvent

Listener = Callable[[HookEvent], Awaitable[None]]


class Inbox:
    """Passes hints of forges on to those who act on them."""

    def __init__(self) -> None:
        """Start with nobody who listens."""
        self.heard: list[Listener] = []

    async def pass_on(self, event: HookEvent) -> None:
        """Tell everybody who listens, in order."""
        for listener in self.heard:
            await listener(event)
