"""Who somebody is here that an OpenID Connect provider knows."""

from dataclasses import replace

from app.access.oidc import Identity
from app.api.services import Services
from app.config.oidc import LoginProviderSettings
from app.db.member_records import Member
from app.errors import Conflict, Forbidden

_SAME = 100


async def member_for(node: Services, settings: LoginProviderSettings, identity: Identity) -> Member:
    """Return the user for an identity, with the groups and names that the provider tells now.

    A user is known by issuer and subject, never by a name or an address that a provider might give
    to somebody else. Nobody gets a right by logging in, except those of groups.

    Raises:
        Forbidden: for who may not log in here.
    """
    known = await node.access.members.at_issuer(identity.issuer, identity.subject)
    member = known or await _linked(node, settings, identity)
    if member is None:
        return await _created(node, settings, identity)
    if member.disabled:
        raise Forbidden("your account is disabled here; ask an administrator")
    changed = replace(
        member,
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email or member.email,
        first_name=identity.first_name or member.first_name,
        last_name=identity.last_name or member.last_name,
        external_groups=identity.groups,
    )
    if changed != member:
        changed = replace(changed, updated_at=node.clock.now())
        await node.access.members.save(changed)
    return changed


async def _linked(
    node: Services, settings: LoginProviderSettings, identity: Identity
) -> Member | None:
    """Return the one local user with the same verified address, where that is wanted."""
    if not (settings.link_by_email and identity.email):
        return None
    found, _ = await node.access.members.search("user", text=identity.email, limit=_SAME)
    same = [each for each in found if each.email == identity.email and not each.issuer]
    return same[0] if len(same) == 1 else None


async def _created(node: Services, settings: LoginProviderSettings, identity: Identity) -> Member:
    if not settings.create_users:
        raise Forbidden("you have no account here; ask an administrator for one")
    now = node.clock.now()
    member = Member(
        "user",
        identity.username,
        email=identity.email,
        first_name=identity.first_name,
        last_name=identity.last_name,
        issuer=identity.issuer,
        subject=identity.subject,
        external_groups=identity.groups,
        created_at=now,
        updated_at=now,
    )
    for name in _names(identity):
        try:
            member = replace(member, username=name)
            await node.access.members.add(member)
        except Conflict:
            continue
        return member
    message = (
        f"there is another user called {identity.username} here, who logs in otherwise; an"
        " administrator can rename one, or link them (link_by_email)"
    )
    raise Forbidden(message)


def _names(identity: Identity) -> list[str]:
    """Return what somebody may be called: only a verified address is a name by itself."""
    if identity.email:
        return [identity.username]
    provider, _, _ = identity.username.partition(":")
    return [identity.username, f"{provider}:{identity.subject}"]
