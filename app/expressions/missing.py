"""Errors with their places; that of a missing name costs little, since most are caught."""

import functools
from typing import Any, NoReturn

from app.errors import ExpressionError, MissingVariable
from app.expressions.lexer import place

_MAX_SHOWN = 200


class Unfound(MissingVariable):
    """A name that is not there. The message is made when somebody reads it: most are caught."""

    def __init__(self, source: str, at: int, name: object) -> None:
        """Remember the name and its place."""
        Exception.__init__(self, source, at, name)

    @functools.cached_property
    def _told(self) -> tuple[str, int, int]:
        source, at, name = self.args
        line, column = place(source, at)
        shown = tag_at(source, at)
        message = f"Unable to find `{name}` used in the expression `{shown}` at line {line}"
        return message, line, column

    @property
    def message(self) -> str:  # type: ignore[override]  # an attribute of other errors
        """What is missing, and where."""
        return self._told[0]

    @property
    def line(self) -> int:  # type: ignore[override]  # as above
        """The line, from 1."""
        return self._told[1]

    @property
    def column(self) -> int:  # type: ignore[override]  # as above
        """The column, from 1."""
        return self._told[2]

    @property
    def details(self) -> dict[str, Any]:  # type: ignore[override]  # as above
        """Line and column, for problem documents."""
        return {"line": self.line, "column": self.column}

    def __str__(self) -> str:
        return self.message


class Missing:
    """Makes the error for one name that is not there; kept by the closures that may need it."""

    __slots__ = ("_at", "_name", "_source")

    def __init__(self, source: str, name: str, at: int) -> None:
        """Remember the name and its place."""
        self._source = source
        self._name = name
        self._at = at

    def error(self, name: object = None) -> MissingVariable:
        """Return the error; `name` is given when it was only known at run time."""
        return Unfound(self._source, self._at, self._name if name is None else name)


def tag_at(source: str, at: int) -> str:
    """Return the tag that holds a position, for messages; long ones are cut."""
    start = max(source.rfind("{{", 0, at + 1), source.rfind("{%", 0, at + 1), 0)
    end = min((e for e in (source.find("}}", at), source.find("%}", at)) if e >= 0), default=-2) + 2
    shown = source[start : end or len(source)]
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"


def raise_located(error: ExpressionError, source: str, at: int) -> NoReturn:
    """Raise an error, with a place if it has none yet.

    Raises:
        ExpressionError: always, of the same class.
    """
    if isinstance(error, Unfound) or error.line:
        raise error
    line, column = place(source, at)
    raise type(error)(error.message, line=line, column=column) from error
