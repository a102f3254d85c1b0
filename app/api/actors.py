"""Who makes a change: its author in the commit, and in the audit log.

It is who logged in, and no header says otherwise (security case 116).
"""

from typing import Annotated

from fastapi import Query

from app.access import Caller
from app.sync.model import Actor

Message = Annotated[str | None, Query(max_length=2_000, description="The message of the commit.")]
"""A parameter of routes that make a commit."""


def actor_of(caller: Caller) -> Actor:
    """Return a caller as the author of a change."""
    known = "" if caller.kind == "owner" else caller.id  # whoever logs in nowhere is one person
    return Actor(caller.name or caller.id, caller.email, known)
