"""What `access.yaml` says: roles, groups and bindings of the instance, reviewed like code."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.access.caller import Grant
from app.access.permissions import Permission
from app.access.roles import ROLES, Role
from app.access.scopes import Scope

TENANT = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NAMESPACE = r"^[a-z0-9][a-z0-9._-]{0,149}$"
NAME = r"^[^\s/:][^/:\n]{0,149}$"

Name = Annotated[str, Field(pattern=NAME)]


class _Part(BaseModel):
    """A part of the file; unknown keys are refused, so that a typing error is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class WrittenRole(_Part):
    """A role: permissions, and all those of further roles."""

    description: str = Field("", max_length=1_000)
    permissions: tuple[Permission, ...] = ()
    include: tuple[Name, ...] = ()


class WrittenGroup(_Part):
    """A group, and which users are in it."""

    description: str = Field("", max_length=1_000)
    members: tuple[Name, ...] = ()


class WrittenBinding(_Part):
    """A role of one user, group or service account in a place."""

    role: Name
    user: Name | None = None
    group: Name | None = None
    service_account: str | None = Field(
        None, alias="serviceAccount", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}/[^\s/:][^/:\n]{0,149}$"
    )
    """`tenant/name`"""
    tenant: str | None = Field(None, pattern=TENANT)
    namespace: str | None = Field(None, pattern=NAMESPACE)
    expires: datetime | date | None = None

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if sum(each is not None for each in (self.user, self.group, self.service_account)) != 1:
            raise ValueError("a binding is of one of user, group and serviceAccount")
        if self.namespace is not None and self.tenant is None:
            raise ValueError("a namespace needs its tenant")
        return self

    @property
    def scope(self) -> Scope:
        """Where it holds."""
        return Scope(self.tenant, self.namespace)

    @property
    def ends(self) -> datetime | None:
        """When it ends; a day without an hour is its beginning in UTC."""
        given = self.expires
        if given is None:
            return None
        if not isinstance(given, datetime):
            given = datetime(given.year, given.month, given.day)  # noqa: DTZ001 - just below
        return given if given.tzinfo else given.replace(tzinfo=UTC)


class AccessDocument(_Part):
    """The whole file."""

    roles: dict[Name, WrittenRole] = {}
    groups: dict[Name, WrittenGroup] = {}
    bindings: tuple[WrittenBinding, ...] = ()

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        for name, role in self.roles.items():
            if name in ROLES:
                raise ValueError(f"role {name} is built in")
            for other in role.include:
                if other not in ROLES:
                    raise ValueError(f"role {name} includes {other}, which is not built in")
        for binding in self.bindings:
            if binding.role not in ROLES and binding.role not in self.roles:
                raise ValueError(f"there is no role {binding.role}")
        return self

    def role(self, name: str) -> Role:
        """Return a role of the file, or a built-in one."""
        written = self.roles.get(name)
        if written is None:
            return ROLES[name]
        included = (ROLES[each].permissions for each in written.include)
        return Role(name, frozenset(written.permissions).union(*included), written.description)

    def groups_of(self, username: str) -> frozenset[str]:
        """Return the groups of the file that a user is in."""
        return frozenset(
            name
            for name, group in self.groups.items()
            if username in {each.lower() for each in group.members}
        )

    def grants(self, subject: "Subject", now: datetime) -> list[Grant]:
        """Return what the file permits somebody."""
        mine = (each for each in self.bindings if subject.is_meant_by(each))
        return [
            Grant(self.role(each.role).permissions, each.scope)
            for each in mine
            if each.ends is None or now < each.ends
        ]


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody, as the file names people."""

    username: str = ""
    """Of a user, in lower case."""
    service_account: str = ""
    """`tenant/name`"""
    groups: frozenset[str] = frozenset()
    """Those of the file, of the instance, and of the OIDC issuer; never those of a tenant."""

    def is_meant_by(self, binding: WrittenBinding) -> bool:
        """Whether a binding is this subject's."""
        if binding.user is not None:
            return bool(self.username) and binding.user.lower() == self.username
        if binding.group is not None:
            return binding.group in self.groups
        return bool(self.service_account) and binding.service_account == self.service_account


EMPTY = AccessDocument()


def read_document(content: Mapping[str, Any]) -> tuple[AccessDocument | None, list[str]]:
    """Return what the file says; None, and what is wrong, if it is not valid."""
    try:
        return AccessDocument.model_validate(content), []
    except ValidationError as error:
        return None, [_told(each) for each in error.errors()]


def _told(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    rule = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {rule}" if place else rule
