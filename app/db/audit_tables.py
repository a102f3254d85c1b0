"""The tables of the audit log: entries, the chain that seals them, anchors, closed segments.

Nothing in them is ever changed. Entries and seals are deleted only with the segment that they
belong to, once it is closed; triggers of the database hold to it (`audit_guard`).
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from app.db.columns import big


class AuditRow(SQLModel, table=True):
    """Who did what to what, and why. Append-only."""

    __tablename__ = "audit"
    __table_args__: ClassVar = (
        Index("ix_audit_target", "tenant", "target", "id"),
        Index("ix_audit_tenant", "tenant", "id"),
    )
    id: str = Field(primary_key=True)
    """In order of time."""
    tenant: str
    """"" is the instance."""
    at: int = Field(sa_column=big())
    actor: str
    action: str
    """Such as `flow.pin`, `source.approve`."""
    target: str
    """Such as `flow/shop.orders`, `source/main`."""
    reason: str = Field("", sa_column=Column(Text, nullable=False))
    detail: str = Field("{}", sa_column=Column(Text, nullable=False))
    """JSON"""
    namespace: str | None = None
    actor_id: str | None = None
    actor_kind: str | None = None
    """anonymous | user | service-account | flow | owner; empty: Headwater itself"""
    token_id: str | None = None
    ip: str | None = None
    request_id: str | None = None
    before_hash: str | None = None
    """Of what was there: a blob id, an ETag, a digest."""
    after_hash: str | None = None
    outcome: str | None = None
    """success (also where nothing is said) | denied | refused | failed"""


class SealRow(SQLModel, table=True):
    """The place of an entry in the chain of its tenant, and the hash over it and all before it."""

    __tablename__ = "audit_seal"
    __table_args__: ClassVar = (
        Index("ix_audit_seal_entry", "entry_id", unique=True),
        {"sqlite_with_rowid": False},
    )
    tenant: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    """1, 2, 3 …"""
    entry_id: str
    hash: str


class AnchorRow(SQLModel, table=True):
    """The head of a chain at a time, as it was also written outside of the database."""

    __tablename__ = "audit_anchor"
    tenant: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hash: str
    at: int = Field(sa_column=big())
    signature: str


class SegmentRow(SQLModel, table=True):
    """A part of a chain that is over: what it held, and where that was put."""

    __tablename__ = "audit_segment"
    tenant: str = Field(primary_key=True)
    last_seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    first_seq: int = Field(sa_column=big())
    previous_hash: str
    """Of the entry before the first one."""
    last_hash: str
    first_at: int = Field(sa_column=big())
    last_at: int = Field(sa_column=big())
    closed_at: int = Field(sa_column=big())
    archive: str = ""
    """URI of the file with the entries; "" where none was kept."""
    digest: str = ""
    """SHA-256 of that file."""
    signature: str
