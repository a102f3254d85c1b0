"""Reviews, edits on their way, overrides, releases, audit; more about sources and revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


_ADDED = (
    ("source", sa.Column("spec", sa.Text(), nullable=False, server_default="{}")),
    ("source", sa.Column("origin", sa.Text(), nullable=False, server_default="config")),
    ("source", sa.Column("parent", sa.String(), nullable=True)),
    ("source", sa.Column("removed_at", sa.BigInteger(), nullable=True)),
    ("source", sa.Column("last_passed", sa.String(), nullable=True)),
    ("source", sa.Column("suspended_at", sa.BigInteger(), nullable=True)),
    ("source", sa.Column("lease_holder", sa.String(), nullable=True)),
    ("source", sa.Column("lease_until", sa.BigInteger(), nullable=True)),
    ("source", sa.Column("sync_turn", sa.BigInteger(), nullable=True)),
    ("git_commit", sa.Column("signature", sa.Text(), nullable=False, server_default="")),
    ("git_commit", sa.Column("signer", sa.Text(), nullable=False, server_default="")),
    ("git_commit", sa.Column("pull_number", sa.Integer(), nullable=True)),
    ("git_commit", sa.Column("keyring", sa.Text(), nullable=False, server_default="")),
    ("flow_revision", sa.Column("semantic", sa.Integer(), nullable=True)),
    ("flow_revision", sa.Column("renamed_from", sa.String(), nullable=True)),
    ("pin", sa.Column("scope", sa.Text(), nullable=False, server_default="flow")),
    ("pin", sa.Column("group_id", sa.String(), nullable=True)),
    ("pin", sa.Column("changeset_id", sa.String(), nullable=True)),
    ("pin", sa.Column("revert", sa.Text(), nullable=False, server_default="")),
    ("sync_run", sa.Column("hold", sa.Text(), nullable=False, server_default="")),
    ("sync_run", sa.Column("decision", sa.Text(), nullable=False, server_default="")),
    ("sync_run", sa.Column("decided_by", sa.String(), nullable=True)),
    ("sync_run", sa.Column("decided_at", sa.BigInteger(), nullable=True)),
    ("webhook_delivery", sa.Column("action", sa.Text(), nullable=False, server_default="")),
    ("webhook_delivery", sa.Column("hint", sa.Text(), nullable=False, server_default="{}")),
    ("webhook_delivery", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0")),
    ("webhook_delivery", sa.Column("error", sa.Text(), nullable=False, server_default="")),
    ("webhook_delivery", sa.Column("processed_at", sa.BigInteger(), nullable=True)),
)


# Triggers that somebody disabled before there were overlays: from now on it is told who and why.
_DISABLED_TRIGGERS = (
    "INSERT INTO overlay (id, tenant, namespace, flow_id, trigger_id, kind, value, owner, reason,"
    " created_at) SELECT 'trigger/' || tenant || '/' || namespace || '/' || flow_id || '/'"
    " || trigger_id, tenant, namespace, flow_id, trigger_id, 'trigger-disabled', '', '',"
    " 'disabled before reasons were kept', updated_at FROM trigger_state WHERE disabled = 1"
)

_REVISION_INDEXES = (
    ("ix_flow_revision_unseen", ["source_id", "seq"], "semantic is null"),
    ("ix_flow_revision_held", ["tenant", "namespace"], "state = 'held'"),
)


def upgrade() -> None:
    """Make the tables and columns."""
    for table, column in _ADDED:
        op.add_column(table, column)
    op.create_index("ix_webhook_delivery_unheard", "webhook_delivery", ["processed_at"])
    op.create_index("ix_webhook_delivery_state", "webhook_delivery", ["state", "received_at"])
    for name, columns, condition in _REVISION_INDEXES:
        where = sa.text(condition)
        op.create_index(name, "flow_revision", columns, sqlite_where=where, postgresql_where=where)
    _about_git()
    _about_reviews()
    _about_changes()


def _about_git() -> None:
    """Make the tables about sources: moves of refs, paths, what is kept and what must not be."""
    op.create_table(
        "ref_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=True),
        sa.Column("forced", sa.Integer(), nullable=False),
        sa.Column("kept", sa.String(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ref_event_source", "ref_event", ["source_id", "id"])
    op.create_table(
        "path_history",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("commit_sha", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "flow_id", "seq"),
    )
    op.create_table(
        "keep_ref",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("commit_sha", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source_id", "ref"),
    )
    op.create_table(
        "redacted",
        sa.Column("oid", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("oid"),
    )


def _about_reviews() -> None:
    """Make the tables about pull requests."""
    op.create_table(
        "pull",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("head_sha", sa.String(), nullable=False),
        sa.Column("head_ref", sa.String(), nullable=False),
        sa.Column("head_repo", sa.String(), nullable=False),
        sa.Column("base_ref", sa.String(), nullable=False),
        sa.Column("base_sha", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=False),
        sa.Column("merged_sha", sa.String(), nullable=True),
        sa.Column("approved_sha", sa.String(), nullable=True),
        sa.Column("comment_id", sa.String(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "number"),
    )
    op.create_table(
        "pull_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("head_sha", sa.String(), nullable=False),
        sa.Column("base_sha", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("merge_tree", sa.String(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("tests", sa.Text(), nullable=False),
        sa.Column("checks", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("touched", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pull_job_pull", "pull_job", ["source_id", "number", "id"])
    op.create_table(
        "pull_command",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("comment_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "comment_id", "place"),
    )


def _about_changes() -> None:
    """Make the tables about edits on their way to Git, and what operators override."""
    op.create_table(
        "draft",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("base_commit", sa.String(), nullable=False),
        sa.Column("base_blob", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("changeset_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_draft_changeset_id", "draft", ["changeset_id"])
    op.create_index("ix_draft_owner", "draft", ["tenant", "owner"])
    op.create_table(
        "changeset",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("owner_email", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("base_commit", sa.String(), nullable=True),
        sa.Column("branch", sa.String(), nullable=True),
        sa.Column("commit_sha", sa.String(), nullable=True),
        sa.Column("pull_number", sa.Integer(), nullable=True),
        sa.Column("pull_url", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("merged_sha", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_changeset_commit_sha", "changeset", ["commit_sha"])
    op.create_index("ix_changeset_pull", "changeset", ["source_id", "pull_number"])
    op.create_table(
        "overlay",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("trigger_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_overlay_flow", "overlay", ["tenant", "namespace", "flow_id"])
    op.execute(_DISABLED_TRIGGERS)
    op.create_table(
        "release_watch",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=False),
        sa.Column("min_executions", sa.Integer(), nullable=False),
        sa.Column("max_failure_rate", sa.Float(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_release_watch_flow", "release_watch", ["tenant", "namespace", "flow_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_target", "audit", ["tenant", "target", "id"])
    op.create_index("ix_audit_tenant", "audit", ["tenant", "id"])
    op.create_table(
        "suite_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("suite_id", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("commit_sha", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_suite_run_suite", "suite_run", ["tenant", "namespace", "suite_id", "id"])
    op.create_index("ix_suite_run_tenant", "suite_run", ["tenant", "id"])
