"""Which sources somebody may see and change: those that serve nothing else than what they may.

A source tells of everything that is in its repository: commits, findings, pull requests. So a
permission on a source is the permission in every place that it serves. One that may serve any
tenant, and serves none yet, belongs to the instance.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.access import INSTANCE, Caller, Permission, Scope
from app.api.access import Hidden, lacking
from app.api.services import Services
from app.errors import NotFound
from app.sync.model import Source

_WILD = frozenset("*?[")


def bounds_of(spec: Mapping[str, Any]) -> frozenset[Scope]:
    """Return the places that a source is confined to by its settings; the instance: to none."""
    tenant = spec.get("tenant", "main") if spec.get("layout") == "kestra" else None
    patterns = spec.get("namespaces") or ["*"]
    return frozenset(_named(pattern, tenant) for pattern in patterns)


def _named(pattern: str, tenant: str | None) -> Scope:
    """Return the place that a pattern names, `namespace` or `tenant/namespace`."""
    named, _, namespace = pattern.rpartition("/")
    tenant = tenant or named
    if not tenant or _WILD & set(tenant):
        return INSTANCE
    fixed = next((at for at, sign in enumerate(namespace) if sign in _WILD), None)
    if fixed is None:
        return Scope(tenant, namespace)
    above = namespace[:fixed]
    return Scope(tenant, above.rstrip(".") if above.endswith(".") else None)


async def served(services: Services, source: Source) -> frozenset[Scope]:
    """Return the places that a source serves."""
    bounds = bounds_of(orjson.loads(source.spec))
    if INSTANCE not in bounds:
        return bounds
    places = await services.sources.standing.places(source.id)
    return frozenset(Scope(each.tenant) for each in places) or bounds


def may_all(by: Caller, permission: Permission, places: Iterable[Scope]) -> bool:
    """Whether somebody may do something in each of these places."""
    return all(by.may(permission, *place) for place in places)


async def permit_source(
    services: Services,
    by: Caller,
    permission: Permission,
    source_id: str,
    *,
    what: str = "",
) -> None:
    """Let somebody pass to a source, or to what belongs to it.

    Whoever changes what the source with `access.yaml` has active gives rights, also to themselves:
    by a revert, or by letting a held commit pass. So that is for administrators of the instance.

    Args:
        services: The node.
        by: Who asks.
        permission: What is asked.
        source_id: The source; whoever may do this everywhere passes also when it is not there.
        what: What is not there for those who may not know of it; by default the source.

    Raises:
        NotFound: for a caller who may not see the source. Forbidden: without the permission.
    """
    if permission is not Permission.REPO_READ and source_id == services.settings.access.source:
        await _permit_giving(services, by, source_id, what)
    if by.may(permission):
        return
    places = await _places(services, source_id)
    if may_all(by, permission, places):
        return
    if not may_all(by, Permission.REPO_READ, places):
        message = f"there is no {what or f'source {source_id}'}"
        raise Hidden(message)
    raise lacking(permission)


async def _permit_giving(services: Services, by: Caller, source_id: str, what: str) -> None:
    """Let an administrator of the instance pass, where a source says who may do what."""
    if not by.may(Permission.INSTANCE_MANAGE):
        await permit_source(services, by, Permission.REPO_READ, source_id, what=what)
        raise lacking(Permission.INSTANCE_MANAGE)


async def _places(services: Services, source_id: str) -> frozenset[Scope]:
    try:
        return await served(services, await services.sync.source(source_id))
    except NotFound:
        return frozenset({INSTANCE})


async def seen_sources(services: Services, by: Caller) -> list[Source]:
    """Return the sources that somebody may see."""
    return [
        each
        for each in await services.sync.sources()
        if by.may(Permission.REPO_READ)
        or may_all(by, Permission.REPO_READ, await served(services, each))
    ]


def permit_settings(
    by: Caller, permission: Permission, settings: Iterable[Mapping[str, Any]]
) -> None:
    """Let somebody pass who may do something wherever sources with these settings may reach.

    Raises:
        Forbidden: else.
    """
    if not all(may_all(by, permission, bounds_of(each)) for each in settings):
        raise lacking(permission)
