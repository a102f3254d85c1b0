"""What the access stores hand out and take: users, groups, roles, bindings, tokens, sessions.

Times are µs since the epoch; a tenant of "" is the instance.
"""

from dataclasses import dataclass, field
from typing import Literal

from app.access import Grant, Permission, Scope
from app.executions import execution_id

MemberKind = Literal["user", "service-account"]
SubjectKind = Literal["user", "service-account", "group"]


@dataclass(frozen=True, slots=True)
class Member:
    """A user or a service account."""

    kind: MemberKind
    username: str
    """In lower case; of service accounts: the name."""
    tenant: str = ""
    """"" for users and for service accounts of the instance."""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    description: str = ""
    password: str | None = field(default=None, repr=False)
    """Argon2id, in PHC's form; None: no login by password."""
    disabled: bool = False
    issuer: str = ""
    subject: str = ""
    """Who it is at an OIDC issuer."""
    external_groups: tuple[str, ...] = ()
    """The groups that the issuer named at the last login."""
    created_at: int = 0
    updated_at: int = 0
    last_login_at: int | None = None
    id: str = field(default_factory=execution_id)

    @property
    def name(self) -> str:
        """How people call it."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.username


@dataclass(frozen=True, slots=True)
class Group:
    """A group of users and service accounts."""

    name: str
    tenant: str = ""
    description: str = ""
    created_at: int = 0
    updated_at: int = 0
    id: str = field(default_factory=execution_id)


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody is in a group."""

    group_id: str
    member_id: str
    kind: Literal["MEMBER", "OWNER"] = "MEMBER"


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role that is not built in. Unknown permissions of a newer version are left out."""

    name: str
    permissions: frozenset[Permission]
    tenant: str = ""
    description: str = ""
    created_at: int = 0
    updated_at: int = 0
    id: str = field(default_factory=execution_id)


@dataclass(frozen=True, slots=True)
class Binding:
    """A role of somebody in a place."""

    subject_kind: SubjectKind
    subject_id: str
    role_id: str
    """Of a built-in role: its name."""
    scope: Scope
    expires_at: int | None = None
    created_by: str = ""
    created_at: int = 0
    id: str = field(default_factory=execution_id)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; of its secret only the hash is kept."""

    id: str
    """The public part (`app.access.tokens.NewToken.id`)."""
    member_id: str
    name: str
    hash: str = field(repr=False)
    created_at: int
    expires_at: int
    max_age: int
    """Microseconds."""
    description: str = ""
    limits: tuple[Grant, ...] | None = None
    """What it may do at most; None: what its owner may do."""
    extended: bool = False
    """Whether its end moves with its use."""
    last_used_at: int | None = None
    revoked_at: int | None = None

    def works(self, now: int) -> bool:
        """Whether it is accepted at a time."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Session:
    """A login of a browser; of its cookie only the hash is kept."""

    id: str = field(repr=False)
    """SHA-256 of the cookie, in hex."""
    member_id: str
    method: str
    """password | setup | oidc"""
    created_at: int
    seen_at: int
    expires_at: int
    """At the latest, whatever is done with it."""
    external_id: str = ""
    """The session at the OIDC issuer (`sid`), which may end ours."""
    address: str = ""
