"""The request that something is done for: what entries of the audit log say of who did it."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Occasion:
    """A request on its way. It is over once it is answered: what goes on is not done for it."""

    request_id: str
    ip: str | None = None
    actor: str = "anonymous"
    actor_id: str | None = None
    actor_kind: str | None = None
    token_id: str | None = None
    open: bool = True
    noted: bool = False
    """Whether an entry tells already what it did."""


OCCASION: ContextVar[Occasion | None] = ContextVar("occasion", default=None)
"""Of the request that is being served in this context; None elsewhere."""
