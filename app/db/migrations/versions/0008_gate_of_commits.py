"""Commits: what became of each at the gate."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# What is known has passed, but for the commits that a gate held and what lies only below them, and
# for those that were rejected.
_JUDGE = """
    WITH RECURSIVE passed (source_id, sha) AS (
        SELECT source_id, new_commit FROM sync_run
            WHERE outcome IN ('SYNCED', 'PARTIAL', 'REJECTED') AND new_commit IS NOT NULL
        UNION SELECT source_id, commit_sha FROM namespace_snapshot
        UNION SELECT source_id, snapshot FROM active_flow
        UNION SELECT git_commit.source_id, git_commit.sha FROM git_commit
            JOIN source ON source.id = git_commit.source_id
            AND source.last_passed = source.ref || '@' || git_commit.sha
        UNION SELECT git_commit.source_id, git_commit.first_parent FROM git_commit
            JOIN passed ON passed.source_id = git_commit.source_id
            AND passed.sha = git_commit.sha
    ), held (source_id, sha) AS (
        SELECT source_id, new_commit FROM sync_run
            WHERE outcome = 'HELD' AND new_commit IS NOT NULL
        UNION SELECT git_commit.source_id, git_commit.first_parent FROM git_commit
            JOIN held ON held.source_id = git_commit.source_id AND held.sha = git_commit.sha
    )
    UPDATE git_commit SET gate = 'held' WHERE (source_id, sha) IN (
        SELECT source_id, new_commit FROM sync_run WHERE decision = 'rejected'
        EXCEPT SELECT source_id, new_commit FROM sync_run
            WHERE decision = 'approved' OR outcome IN ('SYNCED', 'PARTIAL', 'REJECTED')
    ) OR (source_id, sha) IN (
        SELECT source_id, sha FROM held EXCEPT SELECT source_id, sha FROM passed
    )
"""


def upgrade() -> None:
    """Add the column, and judge the commits that are known."""
    op.add_column("git_commit", sa.Column("gate", sa.Text(), nullable=False, server_default=""))
    where = sa.text("gate <> 'passed'")
    op.create_index(
        "ix_git_commit_kept",
        "git_commit",
        ["source_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.execute("UPDATE git_commit SET gate = 'passed'")
    op.execute(_JUDGE)
