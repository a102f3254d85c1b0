"""Sources that are added, changed, suspended and removed while the service runs."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.access import Caller, Permission
from app.api.access import By, needs
from app.api.actors import actor_of
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.drafts import NO_NUL
from app.api.paths import PREFIX, SourceId
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.source_rights import permit_settings, permit_source

router = Router(
    prefix=f"{PREFIX}/sources",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404, 409, 422),
)

Reason = Annotated[
    str, Query(max_length=500, pattern=NO_NUL, description="Why, for the audit log.")
]
Pattern = Annotated[str, Field(max_length=220)]
Name = Annotated[str, Field(max_length=63)]

_LENT = ("credentials", "forge", "repo")
"""What says whose credentials are used, and for what: they were lent for one repository."""


class SourceWish(BaseModel):
    """What of a source can be said here. Secrets and files only the configuration names."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, alias_generator=to_camel)

    repo: str | None = Field(None, max_length=500, description="Address by https or ssh.")
    ref: str | None = Field(
        None, max_length=250, description="`branch:…`, `tag:…`, `semver:…`, `commit:…` or a name."
    )
    root: str | None = Field(None, max_length=500, description="Folder that holds `tenants/`.")
    layout: Literal["native", "kestra"] | None = None
    tenant: str | None = Field(None, max_length=63, description="Tenant of a `kestra` layout.")
    tenants: dict[Name, Name] | None = Field(
        None, max_length=100, description="Folder below `tenants/` -> tenant."
    )
    namespaces: list[Pattern] | None = Field(
        None, max_length=200, description="Patterns of what it owns; none: what no other one owns."
    )
    production: bool | None = Field(None, description="Whether rewritten history is held.")
    poll_seconds: float | None = Field(None, ge=5, le=86_400, description="Between two looks.")
    atomic: Literal["namespace", "commit", "flow"] | None = None
    edit_mode: Literal["push", "pr", "readonly"] | None = None
    on_force_push: Literal["follow", "hold", "deny"] | None = None
    subflows: Literal["latest", "commit"] | None = None
    revision: Literal["original", "latest"] | None = None
    credentials: str | None = Field(
        None, max_length=63, description="Configured source of the same host: its credentials."
    )
    forge: Literal["github", "gitlab", "gitea", "bitbucket"] | None = None
    deployments: str | None = Field(None, max_length=100)

    def wished(self) -> dict[str, Any]:
        """Return what was said, by the names of the settings."""
        return self.model_dump(exclude_unset=True, exclude={"id"})


class NewSource(SourceWish):
    """A source to add."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Its id.")
    repo: str = Field(max_length=500, description="Address by https or ssh.")


@router.post("", status_code=201, summary="Add a source")
@needs(Permission.REPO_MANAGE)
async def add(wish: NewSource, node: Node, by: By, reason: Reason = "") -> Response:
    """Add a source and begin to follow it; its first sync goes on after the answer.

    Who may not do so everywhere confines it to a tenant or to namespaces.
    """
    permit_settings(by, Permission.REPO_MANAGE, [wish.wished()])
    await _permit_lender(node, by, wish.wished())
    source = await node.sync.source_verbs.add(wish.id, wish.wished(), actor_of(by), reason)
    return Json(record_json(source), 201, headers={"Location": f"{PREFIX}/sources/{source.id}"})


@router.patch("/{source_id}", summary="Change a source")
@needs(Permission.REPO_MANAGE)
async def change(
    source_id: SourceId, wish: SourceWish, node: Node, by: By, reason: Reason = ""
) -> Response:
    """Change properties of a source that was added here; null puts back what is by default."""
    await permit_source(node, by, Permission.REPO_MANAGE, source_id)
    before = orjson.loads((await node.sync.source(source_id)).spec)
    after = {**before, **wish.wished()}
    permit_settings(by, Permission.REPO_MANAGE, [before, after])
    if any(before.get(name) != after.get(name) for name in _LENT):
        await _permit_lender(node, by, after)
    source = await node.sync.source_verbs.change(source_id, wish.wished(), actor_of(by), reason)
    return Json(record_json(source))


@router.delete("/{source_id}", summary="Remove a source")
@needs(Permission.REPO_MANAGE)
async def remove(
    source_id: SourceId,
    node: Node,
    by: By,
    confirm: Annotated[bool, Query(description="Delete its flows with it.")] = False,
    reason: Reason = "",
) -> Response:
    """Remove a source that was added here, and its flows; their revisions stay readable."""
    await permit_source(node, by, Permission.REPO_MANAGE, source_id)
    count = await node.sync.source_verbs.remove(source_id, actor_of(by), reason, confirm=confirm)
    return Json({"id": source_id, "flows": count})


@router.post("/{source_id}/suspend", summary="Suspend a source")
@needs(Permission.REPO_MANAGE)
async def suspend(source_id: SourceId, node: Node, by: By, reason: Reason = "") -> Response:
    """Stop following a source: what is active stays active."""
    await permit_source(node, by, Permission.REPO_MANAGE, source_id)
    return Json(record_json(await node.sync.source_verbs.suspend(source_id, actor_of(by), reason)))


@router.post("/{source_id}/resume", summary="Resume a source")
@needs(Permission.REPO_MANAGE)
async def resume(source_id: SourceId, node: Node, by: By, reason: Reason = "") -> Response:
    """Follow a source again."""
    await permit_source(node, by, Permission.REPO_MANAGE, source_id)
    return Json(record_json(await node.sync.source_verbs.resume(source_id, actor_of(by), reason)))


async def _permit_lender(node: Services, by: Caller, settings: Mapping[str, Any]) -> None:
    """Let somebody use the credentials of a source that they may change as well."""
    lender = settings.get("credentials")
    if lender is not None:
        await permit_source(node, by, Permission.REPO_MANAGE, lender)
