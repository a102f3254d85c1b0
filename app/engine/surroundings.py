"""What expressions see around a flow: variables of its namespace, `globals`, `kestra`."""

import re
from collections.abc import Mapping
from typing import Any

from app.config import Settings
from app.engine.live import Live
from app.engine.parts import Parts
from app.errors import HeadwaterError
from app.ports import LoadedFlow
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_NAMED = re.compile(r"\bnamespace\s*[.\[]")


async def surround(live: Live, parts: Parts) -> Live:
    """Give an execution what is around it, at its commit; return it.

    Raises:
        HeadwaterError: when the flow names variables of its namespace, and they cannot be read.
    """
    live.surroundings = await surroundings(parts, live.loaded, live.place)
    return live


async def surroundings(
    parts: Parts, loaded: LoadedFlow, place: tuple[str, str, str] | None = None
) -> Mapping[str, Any]:
    """Return what is around a flow; `place` is tenant, namespace and commit, by default its own.

    Raises:
        HeadwaterError: as `surround`.
    """
    if parts.variables is None:
        return parts.globals
    revision = loaded.revision
    if place is None:
        place = (revision.tenant, revision.namespace, revision.snapshot or revision.commit)
    found = parts.variables.known(*place)
    if found is None:
        found = await _read(parts, loaded, place)
    if not found:
        return parts.globals
    return {**parts.globals, "namespace": {"vars": found, **found}}


async def _read(parts: Parts, loaded: LoadedFlow, place: tuple[str, str, str]) -> Mapping[str, Any]:
    if parts.variables is None:
        return {}
    try:
        return await parts.variables.of(*place)
    except HeadwaterError as error:
        if _NAMED.search(loaded.source):
            raise
        # A flow that asks for none of them does not fail because of them.
        _LOG.warning("no variables of a namespace", namespace=place[1], reason=error.message)
        return {}


def global_variables(settings: Settings) -> dict[str, Any]:
    """Return what expressions see of the service: `globals`, and what is set of `kestra`."""
    about = {"environment": settings.variables.environment, "url": settings.server.url}
    shown = {key: value for key, value in about.items() if value}
    return {"globals": settings.variables.globals, **({"kestra": shown} if shown else {})}
