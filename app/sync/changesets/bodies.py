"""The words of pull requests: markdown in which nobody's text can do more than be read."""

import re
from collections.abc import Sequence

from app.ports.forges import MOST_TEXT

_CUT = "\n\n… (cut)"
_MENTION = re.compile(r"@(?=[\w/-])")
_MARKUP = re.compile(r"<(?=[!/a-zA-Z])")


def quoted(text: str) -> str:
    """Return somebody's words as a quotation: no mention reaches anybody, no tag is one."""
    plain = _MARKUP.sub("&lt;", _MENTION.sub("@\u200b", text.strip()))
    return "\n".join(f"> {line}".rstrip() for line in plain.splitlines())


def code(text: str) -> str:
    """Return a name as code; what would end the code early is left out."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain}`" if plain else ""


def body(parts: Sequence[str], changeset_id: str, actor: str) -> str:
    """Return the text of a pull request: its parts, and whose changeset it is."""
    told = "\n\n".join(part.strip() for part in parts if part.strip())
    foot = f"\n\n---\nChangeset {code(changeset_id)} by {code(actor)}, made with Headwater."
    most = MOST_TEXT - len(foot) - len(_CUT)
    return (told if len(told) <= most else told[:most] + _CUT) + foot
