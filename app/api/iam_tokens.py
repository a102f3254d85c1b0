"""API tokens: made, listed, revoked. A token is shown once; of it only a hash is kept."""

from collections.abc import Sequence
from typing import Any

from app.access import Caller, Grant, Scope
from app.access.delegation import may_give
from app.access.tokens import new_token
from app.api.iam_documents import TokenLimit, TokenWish
from app.api.iam_json import token_detail
from app.api.iam_rules import end_of, note, role_called
from app.api.services import Services
from app.db.member_records import Member, Token
from app.errors import Conflict, Forbidden, Invalid, NotFound

MOST_TOKENS = 100
"""Tokens that work, of one member."""
UNSTORED = {"Cache-Control": "no-store"}
"""Headers of an answer that shows a token."""
_DAYS = 30
_DAY = 86_400_000_000


async def made(node: Services, by: Caller, member: Member, wish: TokenWish) -> dict[str, Any]:
    """Make a token; return Kestra's `CreateApiTokenResponse`, the only place that shows it.

    Raises:
        Invalid: for a life that is too long. Conflict: when there are too many. Forbidden: when
            the caller's own token may do less.
    """
    now = node.clock.now()
    days = node.settings.access.token_days
    end = end_of(node, wish.max_age or f"P{min(_DAYS, days)}D", "maxAge")
    if end is None or end - now > days * _DAY:
        raise Invalid(f"maxAge: a token works for {days} days at most")
    old = await node.access.tokens.of(member.id)
    if sum(each.works(now) for each in old) >= MOST_TOKENS:
        raise Conflict(f"{member.username} has {MOST_TOKENS} tokens already; revoke some")
    limits = await _limits(node, by, member, wish.limits)
    last = await _end_of_maker(node, by, member)
    if last is not None and (wish.extended or (wish.max_age and end > last)):
        raise Invalid("maxAge: a token makes no token that outlives it; log in to make one")
    end = end if last is None else min(end, last)
    new = new_token()
    token = Token(
        new.id, member.id, wish.name, new.hash, now, end, end - now,
        description=wish.description or "", limits=limits, extended=wish.extended,
    )  # fmt: skip
    await node.access.tokens.add(token)
    told = {"name": wish.name, "id": new.id}
    await note(node, by, member.tenant, "token.create", _target(member), **told)
    return {"id": new.id, "name": wish.name, "fullToken": new.text}


async def listed(node: Services, member: Member) -> dict[str, Any]:
    """Return Kestra's `ApiTokenList`, without any secret."""
    now = node.clock.now()
    found = [token_detail(each, now) for each in await node.access.tokens.of(member.id)]
    return {"total": len(found), "results": found}


async def revoke(node: Services, by: Caller, member: Member, token_id: str) -> None:
    """Refuse a token from now on.

    Raises:
        NotFound: when the member has no such token.
    """
    token = await node.access.tokens.get(token_id)
    if token is None or token.member_id != member.id:
        raise NotFound(f"{member.username} has no token {token_id}")
    if not await node.access.tokens.revoke(token_id, node.clock.now()):
        raise NotFound(f"{member.username} has no token {token_id}")
    told = {"name": token.name, "id": token.id}
    await note(node, by, member.tenant, "token.revoke", _target(member), **told)


async def _end_of_maker(node: Services, by: Caller, member: Member) -> int | None:
    """Return when the token ends with which somebody makes one for themselves, if it is one."""
    if by.token_id is None or by.id != member.id:
        return None
    maker = await node.access.tokens.get(by.token_id)
    return None if maker is None else maker.expires_at


async def _limits(
    node: Services, by: Caller, member: Member, wanted: Sequence[TokenLimit] | None
) -> tuple[Grant, ...] | None:
    """Return what a token may do at most: never more than the token that makes it."""
    inherited = by.limit if by.id == member.id else None
    if wanted is None:
        return inherited
    limits = tuple([await _limit(node, each) for each in wanted])
    if inherited is not None:
        maker = Caller(by.kind, by.id, by.name, grants=inherited)
        if not all(may_give(maker, each.permissions, each.scope) for each in limits):
            raise Forbidden("limits: the token you use may do less itself")
    return limits


async def _limit(node: Services, wanted: TokenLimit) -> Grant:
    if wanted.namespace is not None and wanted.tenant is None:
        raise Invalid("limits: a namespace needs its tenant")
    if (wanted.role is None) == (wanted.permissions is None):
        raise Invalid("limits: each has a role, or permissions")
    permissions = frozenset(wanted.permissions or ())
    if wanted.role is not None:
        permissions = (await role_called(node, wanted.tenant or "", wanted.role)).permissions
    return Grant(permissions, Scope(wanted.tenant, wanted.namespace))


def _target(member: Member) -> str:
    return f"{member.kind}/{member.username}"
