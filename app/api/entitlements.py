"""What members may do: their bindings, those of their groups, and what `access.yaml` says.

A tenant's groups and service accounts never mean anything outside of that tenant, whatever a
binding says; `access.yaml` means only groups that a tenant's administrator cannot make.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from app.access import ROLES, Caller, Grant
from app.access.document import EMPTY, AccessDocument, Subject
from app.db.access import AccessStore, access_file
from app.db.member_records import Binding, Group, Member, StoredRole, SubjectKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entitlements:
    """Reads out who may do what."""

    def __init__(self, store: AccessStore, source: str | None = None) -> None:
        """Read from `store`; `source` is the one whose `access.yaml` counts."""
        self._store = store
        self._source = source
        self._read: tuple[str, AccessDocument] = ("", EMPTY)

    async def caller(self, member: Member, now: int) -> Caller:
        """Return a member as a caller, with all that it may do at a time (µs)."""
        groups = [each for each in await self._groups(member) if _meets(member, each)]
        document = await self.document()
        named = document.groups_of(member.username) if member.kind == "user" else frozenset()
        named |= frozenset(member.external_groups)
        instance = frozenset(each.name for each in groups if not each.tenant) | named
        grants = await self._bound(member, groups, now)
        when = _EPOCH + timedelta(microseconds=now)
        grants += document.grants(_subject(member, instance), when)
        return Caller(
            member.kind,
            member.id,
            member.name,
            member.email or f"{member.username.partition('@')[0]}@users.invalid",
            grants=tuple(_within(member.tenant, grants)),
            groups=instance | {each.name for each in groups},
        )

    async def _groups(self, member: Member) -> list[Group]:
        """Return the groups that one was put into, and those that the login provider names."""
        found = await self._store.groups.of(member.id)
        named = await self._store.groups.all_named(member.external_groups)
        return list({each.id: each for each in (*found, *named)}.values())

    async def document(self) -> AccessDocument:
        """Return what `access.yaml` says, as it is active."""
        if self._source is None:
            return EMPTY
        text = await self._store.documents.get(access_file(self._source)) or ""
        if text != self._read[0]:
            document = AccessDocument.model_validate_json(text) if text else EMPTY
            self._read = (text, document)
        return self._read[1]

    async def _bound(self, member: Member, groups: Sequence[Group], now: int) -> list[Grant]:
        subjects: list[tuple[SubjectKind, str]] = [(member.kind, member.id)]
        subjects += [("group", each.id) for each in groups]
        found = await self._store.bindings.of(subjects)
        valid = [each for each in found if each.expires_at is None or now < each.expires_at]
        written = {each.role_id for each in valid} - ROLES.keys()
        roles = await self._store.roles.by_ids(written)
        tenants = {each.id: each.tenant for each in groups}
        return [
            grant
            for each in valid
            for grant in _within(tenants.get(each.subject_id, ""), _granted(each, roles))
        ]


def _granted(binding: Binding, roles: Mapping[str, StoredRole]) -> Iterable[Grant]:
    builtin = ROLES.get(binding.role_id)
    if builtin is not None:
        return [Grant(builtin.permissions, binding.scope)]
    role = roles.get(binding.role_id)
    return [] if role is None else _within(role.tenant, [Grant(role.permissions, binding.scope)])


def _within(tenant: str, grants: Iterable[Grant]) -> list[Grant]:
    """Leave out what lies outside of a tenant ("": nothing does)."""
    return [each for each in grants if not tenant or each.scope.tenant == tenant]


def _meets(member: Member, group: Group) -> bool:
    """Whether somebody can be in a group: not in one of another tenant."""
    return not (member.tenant and group.tenant) or member.tenant == group.tenant


def _subject(member: Member, groups: frozenset[str]) -> Subject:
    if member.kind == "user":
        return Subject(username=member.username, groups=groups)
    return Subject(service_account=f"{member.tenant}/{member.username}", groups=groups)
