"""What users of the instance log in with: passwords, providers, sessions, tokens."""

from dataclasses import replace
from typing import Any, Literal

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api import iam_tokens
from app.api.access import By, needs
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.iam_documents import NewPassword, TokenWish
from app.api.iam_parameters import TokenId, UserId
from app.api.iam_rules import check_above, note, user_called
from app.api.iam_users import detail, hashed, save
from app.api.paths import PREFIX
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.errors import NotFound

router = Router(
    prefix=f"{PREFIX}/users",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.patch("/{user_id}/password", summary="Set a user's password")
@needs(Permission.INSTANCE_MANAGE)
async def set_password(user_id: UserId, wish: NewPassword, node: Node, by: By) -> Response:
    """Give a user another password; its sessions end."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    await save(node, by, member, replace(member, password=await hashed(wish.password)))
    await node.access.sessions.end_of(member.id)
    return Json(await detail(node, member))


@router.delete("/{user_id}/auths/{auth}", summary="Take a way of logging in from a user")
@needs(Permission.INSTANCE_MANAGE)
async def delete_auth(
    user_id: UserId, auth: Literal["basic", "oidc"], node: Node, by: By
) -> Response:
    """Forget a user's password, or who it is at its provider; its sessions end."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    if not (member.password if auth == "basic" else member.issuer):
        raise NotFound(f"{member.username} does not log in by {auth}")
    without: dict[str, Any] = {"issuer": "", "subject": "", "external_groups": ()}
    changed = replace(member, **({"password": None} if auth == "basic" else without))
    await save(node, by, member, changed)
    await node.access.sessions.end_of(member.id)
    return Json(await detail(node, changed))


@router.delete("/{user_id}/refresh-token", summary="End a user's sessions", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def end_sessions(user_id: UserId, node: Node, by: By) -> Response:
    """End every session of a user."""
    member = await user_called(node, user_id)
    await node.access.sessions.end_of(member.id)
    await note(node, by, None, "user.logout", f"user/{member.username}")
    return nothing()


@router.post("/{user_id}/api-tokens", summary="Create a token of a user")
@needs(Permission.INSTANCE_MANAGE)
async def create_token(user_id: UserId, wish: TokenWish, node: Node, by: By) -> Response:
    """Make a token; it is shown this once. Only for a user who may not do more than you."""
    member = await user_called(node, user_id)
    await check_above(node, by, member)
    return Json(await iam_tokens.made(node, by, member, wish), headers=iam_tokens.UNSTORED)


@router.get("/{user_id}/api-tokens", summary="Tokens of a user")
@needs(Permission.INSTANCE_READ)
async def tokens(user_id: UserId, node: Node) -> Response:
    """List the tokens of a user: names and times, never a secret."""
    return Json(await iam_tokens.listed(node, await user_called(node, user_id)))


@router.delete("/{user_id}/api-tokens/{token_id}", summary="Revoke a token", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def revoke_token(user_id: UserId, token_id: TokenId, node: Node, by: By) -> Response:
    """Refuse a token from now on."""
    await iam_tokens.revoke(node, by, await user_called(node, user_id), token_id)
    return nothing()
