"""What the tables are made of."""

from sqlalchemy import BigInteger, Column

PARTIAL = "where"
"""Key of an index's `info`: the condition of a partial index.

The dialect's own argument would load the dialect of every database, used or not; `partial_indexes`
of a driver passes it on.
"""


def big(*, nullable: bool = False) -> Column[int]:
    """Return a column of 64 bits."""
    return Column(BigInteger, nullable=nullable)
