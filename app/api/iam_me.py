"""What everybody may do with their own account: see it, change it, make tokens for it."""

from dataclasses import replace
from typing import Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.access import Caller, Permission
from app.api import iam_tokens
from app.api.access import By, needs_login
from app.api.answers import Json, nothing
from app.api.authentication import identities_of
from app.api.documents import problems_of
from app.api.iam_documents import OwnPassword, TokenWish, UserDetails
from app.api.iam_json import auths
from app.api.iam_parameters import TokenId
from app.api.iam_rules import note, tenants_of
from app.api.iam_users import described, hashed
from app.api.identities import address_of
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.db.member_records import Member
from app.errors import Conflict, Forbidden

router = Router(
    prefix=f"{PREFIX}/me",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(401, 404, 409, 429),
)


@router.get("", summary="Who you are")
@needs_login("everybody may see their own account")
async def get(node: Node, by: By) -> Response:
    """Answer with the caller: name, tenants, and what it may do where."""
    return Json(await _shown(node, by))


@router.patch("", summary="Change your account")
@needs_login("everybody may change their own account")
async def patch(wish: UserDetails, node: Node, by: By) -> Response:
    """Change your name; your e-mail address, by which others find you, an administrator changes."""
    member = await _own(node, by)
    if wish.email is not None and wish.email.lower() != member.email:
        raise Forbidden("email: it says who you are to others; an administrator changes it")
    changed = replace(described(member, wish), updated_at=node.clock.now())
    await node.access.members.save(changed)
    await note(node, by, None, "user.update", f"user/{member.username}")
    return Json(await _shown(node, by, changed))


@router.put("/password", summary="Change your password")
@needs_login("everybody may change their own password, who knows the old one")
async def set_password(wish: OwnPassword, request: Request, node: Node, by: By) -> Response:
    """Change your password; your other sessions end."""
    member = await _own(node, by)
    if member.password is None:
        raise Conflict("you do not log in by a password here")
    password = await hashed(wish.new_password)
    passwords = identities_of(request.app.state).passwords
    await passwords.check(member.username, wish.old_password, address_of(request.scope))
    changed = replace(member, password=password, updated_at=node.clock.now())
    await node.access.members.save(changed)
    await node.access.sessions.end_of(member.id, but=by.session_id or "")
    await note(node, by, None, "user.update", f"user/{member.username}", changed=["password"])
    return Json(await _shown(node, by, changed))


@router.get("/api-tokens", summary="Your tokens")
@needs_login("everybody may see their own tokens")
async def tokens(node: Node, by: By) -> Response:
    """List your tokens: names and times, never a secret."""
    return Json(await iam_tokens.listed(node, await _account(node, by)))


@router.post("/api-tokens", summary="Create a token for yourself")
@needs_login("everybody may make tokens that may do at most what they may do themselves")
async def create_token(wish: TokenWish, node: Node, by: By) -> Response:
    """Make a token; it is shown this once."""
    made = await iam_tokens.made(node, by, await _account(node, by), wish)
    return Json(made, headers=iam_tokens.UNSTORED)


@router.delete("/api-tokens/{token_id}", summary="Revoke a token of yours", status_code=204)
@needs_login("everybody may revoke their own tokens")
async def revoke_token(token_id: TokenId, node: Node, by: By) -> Response:
    """Refuse a token from now on; a token with limits revokes itself only."""
    member = await _account(node, by) if token_id == by.token_id else await _own(node, by)
    await iam_tokens.revoke(node, by, member, token_id)
    return nothing()


async def _account(node: Services, by: Caller) -> Member:
    """Return the caller's account.

    Raises:
        Conflict: where no login is asked for: there is nobody then.
    """
    member = await node.access.members.get(by.id)
    if member is None:
        raise Conflict("this service asks for no login: you have no account")
    return member


async def _own(node: Services, by: Caller) -> Member:
    """Return the caller's account, for changes that a token of few rights must not make."""
    member = await _account(node, by)
    if by.limit is not None:
        raise Forbidden("a token with limits does not change its owner's account")
    return member


async def _shown(node: Services, by: Caller, changed: Member | None = None) -> dict[str, Any]:
    """Return Kestra's `ApiMe`, with what one may do beside it."""
    member = changed or await node.access.members.get(by.id)
    groups = [] if member is None else await node.access.groups.of(member.id)
    tenants = [] if member is None else await tenants_of(node, member, groups)
    memberships = [] if member is None else await node.access.groups.memberships(member.id)
    owned = {each.group_id for each in memberships if each.kind == "OWNER"}
    owner = by.may(Permission.INSTANCE_MANAGE)
    return {
        "id": by.id,
        "kind": by.kind,
        "name": by.name,
        "instanceOwner": owner,
        "superAdmin": owner,
        "restricted": False,
        "profile": {
            "username": by.name if member is None else member.username,
            "email": by.email if member is None else member.email,
            "firstName": "" if member is None else member.first_name,
            "lastName": "" if member is None else member.last_name,
        },
        "auths": [] if member is None else auths(member),
        "tenants": [{"id": each, "name": each} for each in tenants],
        "groups": sorted(by.groups),
        "ownedGroups": [
            {"id": each.id, "tenantId": each.tenant or None} for each in groups if each.id in owned
        ],
        "grants": [_grant(each) for each in by.grants],
        "limits": None if by.limit is None else [_grant(each) for each in by.limit],
    }


def _grant(grant: Any) -> dict[str, Any]:
    return {
        "permissions": sorted(grant.permissions),
        "tenant": grant.scope.tenant,
        "namespace": grant.scope.namespace,
    }
