"""What the data of a service tells: how many tenants there are, and whether it can be read."""

import asyncio
from collections.abc import Iterator

from app.cli.doctor_findings import Finding
from app.config import Settings
from app.errors import HeadwaterError, NotFound


def look(settings: Settings) -> Iterator[Finding]:
    """Read the database, if there is one already."""
    try:
        tenants = asyncio.run(_tenants(settings))
    except NotFound:
        return  # it was not started yet
    except HeadwaterError as error:
        yield Finding("broken", "database", error.message, "correct database.url, or data_dir")
        return
    yield Finding("ok", "database", f"it can be read; {len(tenants)} tenants have a folder")
    yield from _programs(settings, tenants)


async def _tenants(settings: Settings) -> set[str]:
    from app.db.read_only import reading
    from app.db.tenants import TenantStore

    url = settings.database.url
    async with reading(url.get_secret_value() if url else None, settings.data_dir) as reader:
        return {each.tenant for each in await TenantStore(reader).all()}


def _programs(settings: Settings, tenants: set[str]) -> Iterator[Finding]:
    """Look at what programs of several tenants can reach of each other."""
    runners = settings.runners
    if len(tenants) < 2 or not runners.process:
        return
    if runners.process_for_tenants and runners.user is None:
        message = "programs of several tenants run as the service's own user"
        fix = "set runners.user, and switch runners.process_for_tenants off"
        yield Finding("unsafe", "runners.process_for_tenants", message, fix)
    elif not runners.process_for_tenants:
        message = "script tasks are refused: the service has several tenants"
        fix = "that is safe; runners.process_for_tenants lets tenants share this machine"
        yield Finding("note", "runners.process", message, fix)
