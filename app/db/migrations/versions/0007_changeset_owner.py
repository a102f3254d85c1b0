"""Changesets: whose they are, by what tells people of the same name apart."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; of older ones only those know who see all that they edit."""
    op.add_column("changeset", sa.Column("owner_id", sa.String(), nullable=True))
