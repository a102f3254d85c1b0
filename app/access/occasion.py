"""The request that something is done for: what entries of the audit log say of who did it."""

from contextvars import ContextVar
from dataclasses import dataclass, field


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
    things: list[str] = field(default_factory=list)
    """What it is about, where the path does not say so: `execution/4kx…`, `file/flows/a.yaml`."""
    namespace: str | None = None
    after: str | None = None
    """What there is now: the commit that was made."""


OCCASION: ContextVar[Occasion | None] = ContextVar("occasion", default=None)
"""Of the request that is being served in this context; None elsewhere."""


def mention(*things: str, namespace: str | None = None, after: str | None = None) -> None:
    """Tell the audit log what the request of this context is about; nothing where there is none."""
    occasion = OCCASION.get()
    if occasion is not None and occasion.open:
        occasion.things.extend(things)
        occasion.namespace = namespace or occasion.namespace
        occasion.after = after or occasion.after
