"""The table of what sources say of tenants."""

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from app.db.columns import big


class TenantFileRow(SQLModel, table=True):
    """What the active commit of a source says of one tenant: a node knows it before it reads Git.

    A source without a row for a tenant says nothing of it.
    """

    __tablename__ = "tenant_file"
    source_id: str = Field(primary_key=True)
    tenant: str = Field(primary_key=True)
    text: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Its `tenant.yaml`; none: there is only the folder."""
    commit_sha: str
    at: int = Field(sa_column=big())
