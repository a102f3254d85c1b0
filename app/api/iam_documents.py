"""What is sent about users, groups, roles, bindings, service accounts and tokens: Kestra's shapes.

Unknown members are refused (security case 78), except those of Kestra that mean nothing here.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.access import Permission
from app.access.document import NAMESPACE
from app.api.paths import TENANT_RULE
from app.errors import Invalid

EMAIL = r"^[a-zA-Z0-9_!#$%&'*+/=?`{|}~^.-]{1,64}@[a-zA-Z0-9.-]{1,190}$"

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Ids = Annotated[list[Id], Field(max_length=1_000)]
Name = Annotated[str, Field(max_length=100, pattern=r"^[^\s/:\x00-\x1f\x7f][^/:\x00-\x1f\x7f]*$")]
AccountName = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
Description = Annotated[str, Field(max_length=1_000)]
Person = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Email = Annotated[str, Field(max_length=255, pattern=EMAIL)]
Password = Annotated[str, Field(min_length=1, max_length=256)]
TenantId = Annotated[str, Field(pattern=TENANT_RULE)]
Duration = Annotated[str, Field(max_length=40, description="ISO 8601, such as `P30D`.")]


class Wish(BaseModel):
    """A body: camelCase, unknown members are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class UserWish(Wish):
    """A user: created, or all of it replaced."""

    email: Email
    username: Name | None = Field(None, description="Without it, the e-mail address.")
    first_name: Person | None = None
    last_name: Person | None = None
    password: Password | None = Field(None, description="Without it, no login by password.")
    instance_owner: bool | None = Field(None, description="Whether it administers the instance.")
    super_admin: bool | None = Field(None, description="As `instanceOwner`.")
    restricted: bool | None = Field(None, description="Whether it is kept from logging in.")
    tenants: list[TenantId] | None = Field(None, max_length=100, description="It belongs to.")
    groups: Ids | None = Field(None, description="It is in: the ids of all of them.")


class UserDetails(Wish):
    """What people may change of a user, one by one."""

    email: Email | None = None
    first_name: Person | None = None
    last_name: Person | None = None


class Restriction(Wish):
    """Whether a user is kept from logging in."""

    restricted: bool


class NewPassword(Wish):
    """A password that somebody gets."""

    password: Password


class OwnPassword(Wish):
    """A password that somebody gives themselves."""

    old_password: Password
    new_password: Password


class Ownership(Wish):
    """Whether somebody administers the instance."""

    instance_owner: bool | None = None
    super_admin: bool | None = Field(None, description="As `instanceOwner`, in older clients.")

    def value(self) -> bool:
        """Return what is wanted; raises `Invalid` when nothing is said."""
        given = self.super_admin if self.instance_owner is None else self.instance_owner
        if given is None:
            raise Invalid("instanceOwner: true or false is needed")
        return given


class GroupWish(Wish):
    """A group."""

    name: Name
    description: Description | None = None
    members_id: Ids | None = Field(None, description="Who is in it from the beginning.")


class UserGroups(Wish):
    """The groups of a tenant that a user is in; it leaves all others."""

    group_ids: Ids = []


class RoleWish(Wish):
    """A role: permissions in Kestra's words, or in ours (`grants`), or both."""

    name: Name
    description: Description | None = None
    permissions: dict[
        Annotated[str, Field(max_length=40)],
        Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=50)],
    ] = Field({}, max_length=60, description="Kestra's resource -> actions.")
    grants: list[Permission] | None = Field(
        None, max_length=100, description="Our permissions, such as `flow:read`."
    )
    is_default: bool | None = Field(None, description="There is no default role: only `false`.")


class BindingWish(Wish):
    """A role for a user (or service account), or for a group."""

    type: Literal["USER", "GROUP"]
    external_id: Id = Field(description="The id of the user, service account or group.")
    role_id: Id
    namespace_id: str | None = Field(None, pattern=NAMESPACE, description="None: everywhere.")
    expires_in: Duration | None = Field(None, description="ISO 8601, such as `P30D`; for ever.")


class InstanceBindingWish(Wish):
    """A role anywhere: of the instance, of a tenant, of a namespace."""

    type: Literal["USER", "GROUP"]
    external_id: Id
    role_id: Id
    tenant: TenantId | None = None
    namespace_id: str | None = Field(None, pattern=NAMESPACE)
    expires_in: Duration | None = None


class GroupId(Wish):
    """A group, by its id."""

    id: Id


class ServiceAccountWish(Wish):
    """A service account of a tenant."""

    name: AccountName
    description: Description | None = None
    groups: Annotated[list[GroupId], Field(max_length=1_000)] | None = None
    instance_owner: bool | None = None
    super_admin: bool | None = None


class InstanceAccountWish(Wish):
    """A service account of the instance, which may belong to some tenants."""

    name: AccountName
    description: Description | None = None
    tenants: list[TenantId] | None = Field(None, max_length=100)
    instance_owner: bool | None = None
    super_admin: bool | None = None


class AccountDetails(Wish):
    """What may be changed of a service account."""

    name: AccountName
    description: Description | None = None


class TokenLimit(Wish):
    """What a token may do at most, in a place."""

    role: Id | None = Field(None, description="A role, by its id.")
    permissions: list[Permission] | None = Field(None, max_length=100)
    tenant: TenantId | None = Field(None, description="None: every tenant.")
    namespace: str | None = Field(None, pattern=NAMESPACE, description="None: every namespace.")


class TokenWish(Wish):
    """An API token."""

    name: AccountName
    description: Description | None = None
    max_age: Duration | None = Field(None, description="How long it works; without it, 30 days.")
    extended: bool = Field(default=False, description="Whether its end moves with its use.")
    limits: list[TokenLimit] | None = Field(
        None, max_length=50, description="What it may do at most; none: what its owner may do."
    )


class Completion(Wish):
    """What is being typed, and what was chosen before."""

    q: str | None = Field(None, max_length=200)
    ids: Ids | None = None
    existing_only: bool | None = None
    username: str | None = Field(None, max_length=200)


class SomeIds(Wish):
    """Several things, by their ids."""

    ids: Ids = []


class AccessByEmail(Wish):
    """Who gets to know a tenant."""

    email: Email
