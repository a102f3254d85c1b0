"""The tables about who may do what: users, groups, bindings, tokens, sessions."""

from typing import ClassVar

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db.columns import big


class MemberRow(SQLModel, table=True):
    """A user or a service account."""

    __tablename__ = "member"
    __table_args__: ClassVar = (
        UniqueConstraint("tenant", "username", name="uq_member_username"),
        Index("ix_member_subject", "issuer", "subject"),
        Index("ix_member_email", "email"),
    )
    id: str = Field(primary_key=True)
    kind: str
    """user | service-account"""
    tenant: str = ""
    """"" for users and for service accounts of the instance."""
    username: str
    """In lower case."""
    email: str = ""
    """In lower case."""
    first_name: str = ""
    last_name: str = ""
    description: str = Field("", sa_column=Column(Text, nullable=False))
    password: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Argon2id, in PHC's form; None: no login by password."""
    disabled: int = 0
    issuer: str = ""
    subject: str = ""
    """Who it is at an OIDC issuer."""
    external_groups: str = Field("[]", sa_column=Column(Text, nullable=False))
    """JSON: the groups that the issuer named at the last login."""
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())
    last_login_at: int | None = Field(default=None, sa_column=big(nullable=True))


class GroupRow(SQLModel, table=True):
    """A group of users and service accounts."""

    __tablename__ = "member_group"
    __table_args__: ClassVar = (UniqueConstraint("tenant", "name", name="uq_member_group_name"),)
    id: str = Field(primary_key=True)
    tenant: str = ""
    """"" for a group of the instance."""
    name: str
    description: str = Field("", sa_column=Column(Text, nullable=False))
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())


class MembershipRow(SQLModel, table=True):
    """Somebody is in a group."""

    __tablename__ = "membership"
    __table_args__: ClassVar = (Index("ix_membership_member", "member_id"),)
    group_id: str = Field(primary_key=True)
    member_id: str = Field(primary_key=True)
    kind: str = "MEMBER"
    """MEMBER | OWNER"""


class RoleRow(SQLModel, table=True):
    """A role that is not built in."""

    __tablename__ = "role"
    __table_args__: ClassVar = (UniqueConstraint("tenant", "name", name="uq_role_name"),)
    id: str = Field(primary_key=True)
    tenant: str = ""
    """"" for a role that every tenant may use."""
    name: str
    description: str = Field("", sa_column=Column(Text, nullable=False))
    permissions: str = Field("[]", sa_column=Column(Text, nullable=False))
    """JSON"""
    created_at: int = Field(sa_column=big())
    updated_at: int = Field(sa_column=big())


class BindingRow(SQLModel, table=True):
    """A role of somebody in a place."""

    __tablename__ = "binding"
    __table_args__: ClassVar = (
        Index("ix_binding_subject", "subject_kind", "subject_id"),
        Index("ix_binding_tenant", "tenant"),
    )
    id: str = Field(primary_key=True)
    subject_kind: str
    """user | service-account | group"""
    subject_id: str
    role_id: str
    """Of a built-in role: its name."""
    tenant: str | None = None
    """None: the instance."""
    namespace: str | None = None
    expires_at: int | None = Field(default=None, sa_column=big(nullable=True))
    created_by: str = ""
    created_at: int = Field(sa_column=big())


class TokenRow(SQLModel, table=True):
    """An API token; of its secret only the hash is kept."""

    __tablename__ = "api_token"
    __table_args__: ClassVar = (Index("ix_api_token_member", "member_id"),)
    id: str = Field(primary_key=True)
    """The public part: eight characters."""
    member_id: str
    name: str
    description: str = Field("", sa_column=Column(Text, nullable=False))
    hash: str
    """SHA-256 of the whole token, in hex."""
    limits: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """JSON: what it may do at most; None: what its owner may do."""
    extended: int = 0
    """Whether its end moves with its use, up to the longest life."""
    max_age: int = Field(sa_column=big())
    """Microseconds."""
    created_at: int = Field(sa_column=big())
    expires_at: int = Field(sa_column=big())
    last_used_at: int | None = Field(default=None, sa_column=big(nullable=True))
    revoked_at: int | None = Field(default=None, sa_column=big(nullable=True))


class SessionRow(SQLModel, table=True):
    """A login of a browser; of its cookie only the hash is kept."""

    __tablename__ = "login_session"
    __table_args__: ClassVar = (
        Index("ix_login_session_member", "member_id"),
        Index("ix_login_session_expiry", "expires_at"),
        Index("ix_login_session_external", "external_id"),
    )
    id: str = Field(primary_key=True)
    """SHA-256 of the cookie, in hex."""
    member_id: str
    method: str
    """password | setup | oidc"""
    external_id: str = ""
    """The session at the OIDC issuer (`sid`), which may end ours."""
    address: str = ""
    created_at: int = Field(sa_column=big())
    seen_at: int = Field(sa_column=big())
    expires_at: int = Field(sa_column=big())
    """At the latest, whatever is done with it."""


class AccessDocumentRow(SQLModel, table=True):
    """What is known of access besides rows: the setup token's hash, what `access.yaml` says."""

    __tablename__ = "access_document"
    name: str = Field(primary_key=True)
    content: str = Field(sa_column=Column(Text, nullable=False))
    at: int = Field(sa_column=big())
