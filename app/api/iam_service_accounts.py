"""Service accounts of tenants, and their tokens, in Kestra's shapes."""

from fastapi import Depends
from starlette.responses import Response

from app.access import Caller, Permission
from app.api import iam_tokens
from app.api.access import By, needs
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.iam_accounts import detail, paged, remove, renamed, stored
from app.api.iam_documents import ServiceAccountWish, TokenWish
from app.api.iam_parameters import AccountId, Paged, Text, TokenId
from app.api.iam_rules import account_called, check_above, check_group, check_whole, group_called
from app.api.paths import PREFIX, Tenant
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.db.member_records import Group
from app.errors import Invalid

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/service-accounts",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409),
)


@router.post("", summary="Create a service account of a tenant")
@needs(Permission.TOKEN_MANAGE)
async def create(tenant: Tenant, wish: ServiceAccountWish, node: Node, by: By) -> Response:
    """Make a service account: it may do nothing until it is in a group or has a role."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    _refuse_ownership(wish)
    groups = await _joining(node, by, tenant, wish)
    member = await stored(node, by, tenant, wish.name, wish.description)
    for each in groups:
        await node.access.groups.join(each.id, member.id)
    return Json(await detail(node, member))


@router.get("", summary="Service accounts of a tenant")
@needs(Permission.MEMBER_READ)
async def listed(tenant: Tenant, node: Node, by: By, paging: Paged, q: Text = "") -> Response:
    """List the service accounts of the tenant by name."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    return await paged(node, tenant, paging, q)


@router.get("/{account_id}", summary="A service account of a tenant")
@needs(Permission.MEMBER_READ)
async def get(tenant: Tenant, account_id: AccountId, node: Node, by: By) -> Response:
    """Answer with a service account."""
    check_whole(by, Permission.MEMBER_READ, tenant)
    return Json(await detail(node, await account_called(node, tenant, account_id)))


@router.put("/{account_id}", summary="Change a service account of a tenant")
@needs(Permission.TOKEN_MANAGE)
async def update(
    tenant: Tenant, account_id: AccountId, wish: ServiceAccountWish, node: Node, by: By
) -> Response:
    """Change name, description and groups (those of the tenant, if any are given)."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    _refuse_ownership(wish)
    member = await account_called(node, tenant, account_id)
    await check_above(node, by, member)
    wanted = await _joining(node, by, tenant, wish)
    changed = await renamed(node, by, member, wish.name, wish.description)
    if wish.groups is not None:
        old = {each.id for each in await node.access.groups.of(member.id)}
        new = {each.id for each in wanted}
        for each in sorted(new - old):
            await node.access.groups.join(each, member.id)
        for each in sorted(old - new):
            await node.access.groups.leave(each, member.id)
    return Json(await detail(node, changed))


@router.delete("/{account_id}", summary="Delete a service account of a tenant", status_code=204)
@needs(Permission.TOKEN_MANAGE)
async def delete(tenant: Tenant, account_id: AccountId, node: Node, by: By) -> Response:
    """Delete a service account with its tokens."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    await remove(node, by, await account_called(node, tenant, account_id))
    return nothing()


@router.post("/{account_id}/api-tokens", summary="Create a token of a service account")
@needs(Permission.TOKEN_MANAGE)
async def create_token(
    tenant: Tenant, account_id: AccountId, wish: TokenWish, node: Node, by: By
) -> Response:
    """Make a token; it is shown this once. Only for an account that may not do more than you."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    member = await account_called(node, tenant, account_id)
    await check_above(node, by, member)
    return Json(await iam_tokens.made(node, by, member, wish), headers=iam_tokens.UNSTORED)


@router.get("/{account_id}/api-tokens", summary="Tokens of a service account")
@needs(Permission.TOKEN_MANAGE)
async def tokens(tenant: Tenant, account_id: AccountId, node: Node, by: By) -> Response:
    """List the tokens of a service account: names and times, never a secret."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    member = await account_called(node, tenant, account_id)
    return Json(await iam_tokens.listed(node, member))


@router.delete(
    "/{account_id}/api-tokens/{token_id}",
    summary="Revoke a token of a service account",
    status_code=204,
)
@needs(Permission.TOKEN_MANAGE)
async def revoke_token(
    tenant: Tenant, account_id: AccountId, token_id: TokenId, node: Node, by: By
) -> Response:
    """Refuse a token from now on."""
    check_whole(by, Permission.TOKEN_MANAGE, tenant)
    member = await account_called(node, tenant, account_id)
    await iam_tokens.revoke(node, by, member, token_id)
    return nothing()


def _refuse_ownership(wish: ServiceAccountWish) -> None:
    if wish.instance_owner or wish.super_admin:
        raise Invalid("instanceOwner: a service account of a tenant administers no instance")


async def _joining(node: Node, by: Caller, tenant: str, wish: ServiceAccountWish) -> list[Group]:
    groups = [await group_called(node, tenant, each.id) for each in wish.groups or ()]
    if groups:
        check_whole(by, Permission.MEMBER_MANAGE, tenant)
    for each in groups:
        await check_group(node, by, each)
    return groups
