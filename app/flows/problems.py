"""Problems of a flow document: what is wrong, where, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
"""The way to a value in a document: map keys and list indexes."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `line` and `column` count from 1; 0 means that the place is not known."""

    code: str
    """Stable and machine-readable. Errors: YAML_SYNTAX, DUPLICATE_KEY, MULTIPLE_DOCUMENTS,
    TOO_LARGE, SCHEMA, UNKNOWN_PROPERTY, UNKNOWN_TYPE, NAMESPACE_MISMATCH, DUPLICATE_ID, SECRET (one
    would be seen by everybody). Warnings: DEPRECATED (a type or property to leave), RENAMED_TYPE
    (an old type name), BROAD_TRIGGER (it fires for every execution), EXPRESSION (which cannot be
    read), UNKNOWN_INPUT, UNKNOWN_OUTPUT, UNKNOWN_FUNCTION, SCRIPT_INJECTION (an input becomes part
    of commands), WEAK_KEY (of a webhook: it can be guessed), UNAVAILABLE (what it is judged
    by cannot be read now)."""
    severity: Severity
    path: str
    """Where, as in `tasks[0].uri`; empty for the whole document."""
    line: int
    column: int
    message: str
    fix: str = ""
    """What to do, if it is known: `did you mean "uri"?`."""

    def __str__(self) -> str:
        """Return one line for people: `tasks[0].uri (12:5): must not be null`."""
        place = f" ({self.line}:{self.column})" if self.line else ""
        head = f"{self.path or 'flow'}{place}: {self.message}"
        return f"{head} ({self.fix})" if self.fix else head


def path_text(path: Path) -> str:
    """Return a path as people write it: `tasks[0].retry.interval`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return printable(text)


def printable(text: str) -> str:
    """Return the text with control, direction and other invisible characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
