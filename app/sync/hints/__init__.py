"""What payloads of forges hint at, in the same words for every forge. Pure.

Of a payload only names, numbers and object ids are taken: enough to know what to ask the forge. No
field need be there, and none is trusted to be of its documented type.
"""

from collections.abc import Mapping
from typing import Any

from app.sync.hints import bitbucket, github, gitlab
from app.sync.hints.model import Fields, Hint

__all__ = ["Hint", "read_hint"]


def read_hint(provider: str, event: str, payload: Mapping[str, Any]) -> Hint:
    """Return what a delivery hints at."""
    fields = Fields(payload)
    if provider == "gitlab":
        return gitlab.read(fields)
    if provider == "bitbucket":
        return bitbucket.read(event, fields)
    return github.read(event, fields, provider)
