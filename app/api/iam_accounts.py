"""What is done with service accounts, whether of a tenant or of the instance."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from app.access import Caller
from app.api.answers import page
from app.api.iam_json import account_detail
from app.api.iam_parameters import Paging
from app.api.iam_rules import check_above, note, owns_instance, tenants_of
from app.api.services import Services
from app.db.member_records import Member


async def stored(
    node: Services, by: Caller, tenant: str, name: str, description: str | None
) -> Member:
    """Make a service account that may do nothing."""
    now = node.clock.now()
    member = Member(
        "service-account",
        name,
        tenant,
        description=description or "",
        created_at=now,
        updated_at=now,
    )
    await check_above(node, by, member)
    await node.access.members.add(member)
    await note(node, by, tenant, "service-account.create", f"service-account/{name}")
    return member


async def renamed(
    node: Services, by: Caller, member: Member, name: str, description: str | None
) -> Member:
    """Change name and description of a service account."""
    text = member.description if description is None else description
    changed = replace(member, username=name, description=text, updated_at=node.clock.now())
    await check_above(node, by, changed)
    await node.access.members.save(changed)
    target = f"service-account/{name}"
    await note(node, by, member.tenant, "service-account.update", target, before=member.username)
    return changed


async def remove(node: Services, by: Caller, member: Member) -> None:
    """Delete a service account that may not do more than the caller."""
    await check_above(node, by, member)
    await node.access.members.remove(member.id)
    target = f"service-account/{member.username}"
    await note(node, by, member.tenant, "service-account.delete", target)


async def detail(node: Services, member: Member) -> dict[str, Any]:
    """Return a service account as Kestra shows it."""
    groups = await node.access.groups.of(member.id)
    tenants = await tenants_of(node, member, groups)
    return account_detail(member, tenants, groups, owner=await owns_instance(node, member))


async def paged(node: Services, tenant: str | None, paging: Paging, text: str) -> Response:
    """Answer with a page of service accounts, of a tenant or (None) of all."""
    found, total = await node.access.members.search(
        "service-account", tenant=tenant, text=text, limit=paging.size, offset=paging.offset
    )
    return page([await detail(node, each) for each in found], total)
