"""Key-value pairs, concurrency, triggers, cached tasks, what deleted executions leave."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_EXECUTION_INDEXES = (
    ("ix_execution_open", "id", "open = 1 and parked = 0"),
    ("ix_execution_wake", "wake_at", "parked = 1 and wake_at is not null"),
    (
        "ix_execution_waiting",
        "id",
        "parked = 1 and state <> 'PAUSED' and state <> 'QUEUED' and state <> 'CREATED'",
    ),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "key_value",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "namespace", "key"),
    )
    op.create_index(
        "ix_key_value_expiry",
        "key_value",
        ["expires_at"],
        sqlite_where=sa.text("expires_at is not null"),
        postgresql_where=sa.text("expires_at is not null"),
    )
    op.create_table(
        "slot",
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id"),
    )
    op.create_index(
        "ix_slot_flow",
        "slot",
        ["tenant", "namespace", "flow_id", "running", "at", "execution_id"],
    )
    op.create_index(
        "ix_slot_running",
        "slot",
        ["execution_id"],
        sqlite_where=sa.text("running = 1"),
        postgresql_where=sa.text("running = 1"),
    )
    op.create_table(
        "concurrency",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "flow_id"),
    )
    op.create_table(
        "trigger_state",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("trigger_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("date", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("execution_id", sa.String(), nullable=True),
        sa.Column("evaluating_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled", sa.Integer(), nullable=False),
        sa.Column("stop_after", sa.String(), nullable=False),
        sa.Column("backfill", sa.Text(), nullable=True),
        sa.Column("listens", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "flow_id", "trigger_id"),
    )
    op.create_table(
        "trigger_flow",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "flow_id"),
    )
    op.create_table(
        "upstream_event",
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "version"),
    )
    op.create_index("ix_trigger_next", "trigger_state", ["next_at"])
    op.create_table(
        "trigger_window",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "flow_id", "key"),
    )
    op.create_table(
        "task_cache",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_table(
        "kept",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("trigger_id", sa.String(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kept_flow", "kept", ["tenant", "namespace", "flow_id", "id"])
    op.add_column("execution", sa.Column("trigger_id", sa.String(), nullable=True))
    op.drop_index("ix_execution_open", "execution")
    op.drop_index("ix_execution_wake", "execution")
    op.create_index("ix_log_at", "log", ["at"])
    for name, column, condition in _EXECUTION_INDEXES:
        where = sa.text(condition)
        op.create_index(name, "execution", [column], sqlite_where=where, postgresql_where=where)
