"""The audit log as a chain: more about each entry, seals, anchors, closed segments."""

import sqlalchemy as sa
from alembic import op

from app.db.audit_guard import guard

revision = "0005"
down_revision = "0004"

_MORE = (
    "namespace",
    "actor_id",
    "actor_kind",
    "token_id",
    "ip",
    "request_id",
    "before_hash",
    "after_hash",
    "outcome",
)


def upgrade() -> None:
    """Make the tables, and let nobody change them."""
    for name in _MORE:
        op.add_column("audit", sa.Column(name, sa.String(), nullable=True))
    op.create_table(
        "audit_seal",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_seal_entry", "audit_seal", ["entry_id"], unique=True)
    op.create_table(
        "audit_anchor",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    op.create_table(
        "audit_segment",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("archive", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "last_seq"),
    )
    for statement in guard(op.get_bind().dialect.name):
        op.execute(statement)
