"""Service accounts of the instance, and those of all tenants, in Kestra's shapes."""

from fastapi import Depends
from starlette.responses import Response

from app.access import Permission
from app.api import iam_tokens
from app.api.access import By, needs
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.iam_accounts import detail, paged, remove, renamed, stored
from app.api.iam_documents import AccountDetails, InstanceAccountWish, Ownership, TokenWish
from app.api.iam_ownership import belong, set_owner
from app.api.iam_parameters import AccountId, Paged, Text, TokenId
from app.api.iam_rules import account_called, check_above
from app.api.paths import PREFIX
from app.api.query import known_keys, takes_filters
from app.api.routing import Router
from app.api.services import Node

router = Router(
    prefix=f"{PREFIX}/service-accounts",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a service account")
@needs(Permission.INSTANCE_MANAGE)
async def create_any(wish: InstanceAccountWish, node: Node, by: By) -> Response:
    """Make a service account of the instance, which belongs to the tenants that are named."""
    member = await stored(node, by, "", wish.name, wish.description)
    if wish.instance_owner or wish.super_admin:
        await set_owner(node, by, member, owner=True)
    await belong(node, by, member, wish.tenants or ())
    return Json(await detail(node, member))


@router.get("", summary="Service accounts")
@needs(Permission.INSTANCE_READ)
@takes_filters
async def list_any(node: Node, paging: Paged, q: Text = "") -> Response:
    """List all service accounts by name: those of tenants, too."""
    return await paged(node, None, paging, q)


@router.get("/{account_id}", summary="A service account")
@needs(Permission.INSTANCE_READ)
async def get_any(account_id: AccountId, node: Node) -> Response:
    """Answer with a service account."""
    return Json(await detail(node, await account_called(node, None, account_id)))


@router.patch("/{account_id}", summary="Change a service account")
@needs(Permission.INSTANCE_MANAGE)
async def patch_any(account_id: AccountId, wish: AccountDetails, node: Node, by: By) -> Response:
    """Change name and description."""
    member = await account_called(node, None, account_id)
    await check_above(node, by, member)
    changed = await renamed(node, by, member, wish.name, wish.description)
    return Json(await detail(node, changed))


@router.patch("/{account_id}/superadmin", summary="Make it an administrator", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def patch_super_admin(account_id: AccountId, wish: Ownership, node: Node, by: By) -> Response:
    """Say whether a service account administers the instance (Kestra's older name)."""
    return await patch_owner(account_id, wish, node, by)


@router.patch("/{account_id}/instanceowner", summary="Make it an owner", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def patch_owner(account_id: AccountId, wish: Ownership, node: Node, by: By) -> Response:
    """Say whether a service account administers the instance."""
    member = await account_called(node, "", account_id)
    await set_owner(node, by, member, owner=wish.value())
    return nothing()


@router.delete("/{account_id}", summary="Delete a service account", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def delete_any(account_id: AccountId, node: Node, by: By) -> Response:
    """Delete a service account with its tokens."""
    await remove(node, by, await account_called(node, None, account_id))
    return nothing()


@router.post("/{account_id}/api-tokens", summary="Create a token")
@needs(Permission.INSTANCE_MANAGE)
async def create_any_token(account_id: AccountId, wish: TokenWish, node: Node, by: By) -> Response:
    """Make a token; it is shown this once. Only for an account that may not do more than you."""
    member = await account_called(node, None, account_id)
    await check_above(node, by, member)
    return Json(await iam_tokens.made(node, by, member, wish), headers=iam_tokens.UNSTORED)


@router.get("/{account_id}/api-tokens", summary="Tokens")
@needs(Permission.INSTANCE_READ)
async def any_tokens(account_id: AccountId, node: Node) -> Response:
    """List the tokens of a service account: names and times, never a secret."""
    return Json(await iam_tokens.listed(node, await account_called(node, None, account_id)))


@router.delete("/{account_id}/api-tokens/{token_id}", summary="Revoke a token", status_code=204)
@needs(Permission.INSTANCE_MANAGE)
async def revoke_any_token(
    account_id: AccountId, token_id: TokenId, node: Node, by: By
) -> Response:
    """Refuse a token from now on."""
    member = await account_called(node, None, account_id)
    await iam_tokens.revoke(node, by, member, token_id)
    return nothing()
