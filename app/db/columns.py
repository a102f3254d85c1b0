"""What the tables are made of."""

from typing import Any

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field

PARTIAL = "where"
"""Key of an index's `info`: the condition of a partial index.

The dialect's own argument would load the dialect of every database, used or not; `partial_indexes`
of a driver passes it on.
"""


def big(*, nullable: bool = False) -> Column[int]:
    """Return a column of 64 bits."""
    return Column(BigInteger, nullable=nullable)


def text_column(default: str) -> Any:
    """Return a field of text that older rows have a default for."""
    column = Column(Text, nullable=False, server_default=default)
    return Field(default, sa_column=column)
