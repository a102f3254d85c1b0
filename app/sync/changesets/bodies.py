"""The words of pull requests: Markdown in which nobody's text can do more than be read."""

from collections.abc import Sequence

from app.ports.forges import MOST_TEXT
from app.sync.planning.markdown import code, plain

__all__ = ["body", "code", "quoted"]

_CUT = "\n\n… (cut)"


def quoted(text: str) -> str:
    """Return somebody's words as a quotation: no mention reaches anybody, no tag is one."""
    return "\n".join(f"> {plain(line)}".rstrip() for line in text.strip().splitlines())


def body(parts: Sequence[str], changeset_id: str, actor: str) -> str:
    """Return the text of a pull request: its parts, and whose changeset it is."""
    told = "\n\n".join(part.strip() for part in parts if part.strip())
    foot = f"\n\n---\nChangeset {code(changeset_id)} by {code(actor)}, made with Headwater."
    most = MOST_TEXT - len(foot) - len(_CUT)
    return (told if len(told) <= most else told[:most] + _CUT) + foot
