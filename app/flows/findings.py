"""What is found wrong at a path of the merged document, before its place is looked up."""

from typing import NamedTuple

from app.flows.problems import Path, Severity


class Finding(NamedTuple):
    """A problem whose place in the text is not known yet."""

    path: Path
    code: str
    message: str
    fix: str = ""
    severity: Severity = "error"
    at_key: bool = False
    """Whether the key of the path is meant rather than its value."""
    offset: tuple[int, int] = (0, 0)
    """Line and column, from 1, inside the text of the value; zeros for the value as a whole."""
