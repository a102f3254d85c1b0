"""SQL as text: SQLAlchemy Core statements compiled for the driver in use.

The drivers are called directly: a statement costs tens of microseconds there, and milliseconds
through an ORM session. SQLAlchemy builds the statements, so both databases get their dialect.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.util import LRUCache

SQLITE: Dialect = sqlite_dialect(paramstyle="qmark")

EMPTY: Mapping[str, Any] = MappingProxyType({})

_SHAPES: LRUCache[Any, Any] = LRUCache(400)
"""Compiled statements by dialect and shape, without their values: compiling costs 0.3 ms."""

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


def compiled(statement: ClauseElement, dialect: Dialect, given: Mapping[str, Any] = EMPTY) -> Query:
    """Compile a statement with its values for a dialect; each shape of statement once.

    `given` are values of parameters that the statement names itself (`bindparam`).
    """
    key = statement._generate_cache_key()  # noqa: SLF001 - what SQLAlchemy's own cache asks for
    if key is None:
        return _filled(statement.compile(dialect=dialect), dict(given))
    shape = (dialect.name, key.key)
    built = _SHAPES.get(shape)
    if built is None:
        built = _SHAPES[shape] = statement.compile(dialect=dialect, cache_key=key)
    return _filled(built, {**_values(built.cache_key or key, key), **given})


def _values(shape: CacheKey, wanted: CacheKey) -> dict[str, Any]:
    """Return the values of `wanted` by the names that they have in the compiled shape."""
    pairs = zip(shape.bindparams, wanted.bindparams, strict=True)
    return {old.key: new.effective_value for old, new in pairs}


def _filled(built: Any, values: dict[str, Any]) -> Query:
    if built.post_compile_params or built.literal_execute_params:
        state = built.construct_expanded_state(values, escape_names=False)
        return Query(state.statement, tuple(state.positional_parameters))
    found = built.construct_params(values, escape_names=False)
    return Query(built.string, tuple(found[name] for name in built.positiontup or ()))


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
