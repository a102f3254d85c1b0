"""Users, groups, bindings, tokens, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _name(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    _members()
    _rights()
    _credentials()


def _members() -> None:
    op.create_table(
        "member",
        *(_name(each) for each in ("id", "kind", "tenant", "username", "email")),
        _name("first_name"),
        _name("last_name"),
        _text("description"),
        _text("password", nullable=True),
        _flag("disabled"),
        _name("issuer"),
        _name("subject"),
        _text("external_groups"),
        _time("created_at"),
        _time("updated_at"),
        _time("last_login_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "username", name="uq_member_username"),
    )
    op.create_index("ix_member_subject", "member", ["issuer", "subject"])
    op.create_index("ix_member_email", "member", ["email"])
    op.create_table(
        "member_group",
        *(_name(each) for each in ("id", "tenant", "name")),
        _text("description"),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "name", name="uq_member_group_name"),
    )
    op.create_table(
        "membership",
        *(_name(each) for each in ("group_id", "member_id", "kind")),
        sa.PrimaryKeyConstraint("group_id", "member_id"),
    )
    op.create_index("ix_membership_member", "membership", ["member_id"])


def _rights() -> None:
    op.create_table(
        "role",
        *(_name(each) for each in ("id", "tenant", "name")),
        _text("description"),
        _text("permissions"),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "name", name="uq_role_name"),
    )
    op.create_table(
        "binding",
        *(_name(each) for each in ("id", "subject_kind", "subject_id", "role_id")),
        _name("tenant", nullable=True),
        _name("namespace", nullable=True),
        _time("expires_at", nullable=True),
        _name("created_by"),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_binding_subject", "binding", ["subject_kind", "subject_id"])
    op.create_index("ix_binding_tenant", "binding", ["tenant"])


def _credentials() -> None:
    op.create_table(
        "api_token",
        *(_name(each) for each in ("id", "member_id", "name")),
        _text("description"),
        _name("hash"),
        _text("limits", nullable=True),
        _flag("extended"),
        *(_time(each) for each in ("max_age", "created_at", "expires_at")),
        _time("last_used_at", nullable=True),
        _time("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_api_token_member", "api_token", ["member_id"])
    op.create_table(
        "login_session",
        *(_name(each) for each in ("id", "member_id", "method", "external_id", "address")),
        *(_time(each) for each in ("created_at", "seen_at", "expires_at")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_login_session_member", "login_session", ["member_id"])
    op.create_index("ix_login_session_expiry", "login_session", ["expires_at"])
    op.create_index("ix_login_session_external", "login_session", ["external_id"])
    op.create_table(
        "access_document",
        _name("name"),
        _text("content"),
        _time("at"),
        sa.PrimaryKeyConstraint("name"),
    )
