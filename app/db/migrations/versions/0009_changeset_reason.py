"""Changesets: why a revert was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; what was said of older ones is in the audit log."""
    op.add_column("changeset", sa.Column("reason", sa.Text(), nullable=True))
