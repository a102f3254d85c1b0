"""Settings of namespaces: `namespace.yaml`, so that a change of them is a commit."""

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json, nothing
from app.api.documents import problems_of
from app.api.granted import Granted, Right
from app.api.paths import NAMESPACE_RULE, PREFIX, Namespace
from app.api.proposals import PROPOSED
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import Invalid
from app.sync.namespace_file import Grant

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/namespaces",
    tags=["Namespaces"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(403, 404, 409, 422),
)


class AllowedNamespace(BaseModel):
    """A namespace that may use another one, as Kestra's clients send it."""

    model_config = ConfigDict(extra="forbid")

    namespace: Annotated[str, Field(max_length=253)]


class NamespaceDocument(BaseModel):
    """A namespace, as Kestra's clients send it, with what `namespace.yaml` says besides."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    id: Annotated[str, Field(pattern=NAMESPACE_RULE)]
    deleted: Annotated[bool, Field(description="Taken for compatibility.")] = False
    description: Annotated[str, Field(max_length=10_000)] = ""
    allowed_namespaces: Annotated[
        list[AllowedNamespace] | None, Field(max_length=1_000, description="Who may use all of it.")
    ] = None
    allow: Annotated[
        list[Grant] | None, Field(max_length=1_000, description="Who may use it, and how.")
    ] = None
    plugin_defaults: Annotated[list[dict[str, Any]], Field(max_length=500)] = []
    revision: Annotated[str | None, Field(pattern="^(original|latest)$")] = None
    secrets: Annotated[str | None, Field(pattern="^(latest|pinned)$")] = None

    def document(self) -> dict[str, Any]:
        """Return the `namespace.yaml` that says the same."""
        out = {"id", "deleted", "allowed_namespaces"}
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=out)
        if self.allow is None and self.allowed_namespaces is not None:
            said["allow"] = [{"namespace": each.namespace} for each in self.allowed_namespaces]
        return said


@router.post("", summary="Make a namespace", responses=PROPOSED)
@needs(Permission.TENANT_MANAGE)
async def create(right: Granted, wanted: NamespaceDocument, node: Node) -> Response:
    """Make a namespace: a folder with a `namespace.yaml`, as a commit or a pull request."""
    right.require([wanted.id])
    return await _put(right, wanted.id, wanted, node)


@router.put("/{namespace}", summary="Change a namespace", responses=PROPOSED)
@needs(Permission.TENANT_MANAGE)
async def update(
    right: Granted, namespace: Namespace, wanted: NamespaceDocument, node: Node
) -> Response:
    """Replace the `namespace.yaml` of a namespace; comments in it are lost."""
    if wanted.id != namespace:
        raise Invalid(f"the namespace of the path is {namespace}, that of the body {wanted.id}")
    return await _put(right, namespace, wanted, node)


async def _put(right: Right, namespace: str, wanted: NamespaceDocument, node: Services) -> Response:
    writes = node.sync.tenant_writes
    await writes.put_namespace(right.tenant, namespace, wanted.document(), actor=right.actor)
    return Json(await settings_json(node, right.tenant, namespace))


@router.delete("/{namespace}", status_code=204, summary="Forget settings", responses=PROPOSED)
@needs(Permission.TENANT_MANAGE)
async def delete(right: Granted, namespace: Namespace, node: Node) -> Response:
    """Remove the `namespace.yaml` of a namespace; its flows stay."""
    writes = node.sync.tenant_writes
    await writes.put_namespace(right.tenant, namespace, None, actor=right.actor)
    return nothing()


@router.get("/{namespace}/inherited-variables", summary="Variables of a namespace")
@needs(Permission.NAMESPACE_READ)
async def variables(right: Granted, namespace: Namespace, node: Node) -> Response:
    """Answer with the variables that flows of a namespace see, its own and those from above."""
    return Json(dict(await node.sync.variables.of(right.tenant, namespace, "")))


@router.get("/{namespace}/inherited-plugindefaults", summary="Plugin defaults of a namespace")
@needs(Permission.NAMESPACE_READ)
async def plugin_defaults(right: Granted, namespace: Namespace, node: Node) -> Response:
    """List the plugin defaults that flows of a namespace have from it and above, nearest first."""
    find = node.tenants.defaults
    found = (await find.of(right.tenant, namespace)).entries if find is not None else ()
    return Json([each.model_dump(mode="json") for each in found])


async def settings_json(node: Services, tenant: str, namespace: str) -> dict[str, Any]:
    """Return what is said of a namespace, by its file or those above it."""
    said = await node.sync.namespaces.of(tenant, namespace)
    allow = None if said.allow is None else [each.model_dump(mode="json") for each in said.allow]
    return {
        "id": namespace,
        "tenantId": tenant,
        "deleted": False,
        "description": said.description,
        "allow": allow,
        "allowedNamespaces": None if said.allow is None else _allowed(said.allow),
        "pluginDefaults": [each.model_dump(mode="json") for each in said.plugin_defaults],
        "revision": said.revision,
        "secrets": said.secrets,
    }


def _allowed(grants: tuple[Grant, ...]) -> list[dict[str, str]]:
    return [{"namespace": each.namespace} for each in grants]
