"""SQL as text: SQLAlchemy Core statements compiled for the driver in use.

The drivers are called directly: a statement costs tens of microseconds there, and milliseconds
through an ORM session. SQLAlchemy builds the statements, so both databases get their dialect.
"""

from collections import namedtuple
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.engine.interfaces import Dialect

SQLITE: Dialect = sqlite_dialect(paramstyle="qmark")

Row = Any
"""A row: a named tuple with the columns' names."""


class Write(NamedTuple):
    """One statement and the rows of parameters it runs with.

    `rank` orders the statements of many units inside one batch, so that equal statements can run
    together; None: the statement runs by itself, in the order of submission.
    """

    sql: str
    rows: Sequence[tuple[Any, ...]]
    rank: int | None = None


class Query(NamedTuple):
    """A statement that reads, with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def compiled(statement: ClauseElement, dialect: Dialect) -> Query:
    """Compile a statement with its values for a dialect."""
    built = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    parameters = built.params
    order = built.positiontup or ()  # type: ignore[attr-defined]  # SQLCompiler has it, Compiled does not say so
    return Query(str(built), tuple(parameters[name] for name in order))


def numbered(sql: str) -> str:
    """Turn `?` placeholders into PostgreSQL's `$1`, `$2` …; the text holds no other `?`."""
    head, *rest = sql.split("?")
    return head + "".join(f"${i}{part}" for i, part in enumerate(rest, 1))


_ROWS: dict[tuple[str, ...], Any] = {}


def row_type(columns: Sequence[str]) -> Any:
    """Return the named-tuple class for these columns (kept for the next time)."""
    key = tuple(columns)
    found = _ROWS.get(key)
    if found is None:
        found = _ROWS[key] = namedtuple("Row", key, rename=True)  # noqa: PYI024 - made at run time
    return found
