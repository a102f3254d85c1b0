"""Files of secrets as tests commit them."""

from collections.abc import Mapping
from typing import Any

from app.secrets.documents import close_document, new_document
from app.secrets.tree import Branch, Entry


def sealed(values: Mapping[str, Any], *recipients: str, scope: str | None = None) -> bytes:
    """Return a file of secrets, encrypted to age recipients."""
    whole = {**({"_scope": scope} if scope else {}), **values}
    document = new_document(recipients).with_branches([_branch(whole)])
    return close_document(document, 1_700_000_000_000_000)


def _branch(values: Mapping[str, Any]) -> Branch:
    return Branch(
        tuple(
            Entry(key, _branch(value) if isinstance(value, dict) else value)
            for key, value in values.items()
        )
    )
