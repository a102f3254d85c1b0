"""Who makes a change: its author in the commit.

Without a login every caller is the same person, and no header says otherwise (security case 116).
"""

from typing import Annotated

from fastapi import Query

from app.sync.model import Actor

ACTOR = Actor("Headwater API", "api@headwater.invalid")

Message = Annotated[str | None, Query(max_length=2_000, description="The message of the commit.")]
"""A parameter of routes that make a commit."""
