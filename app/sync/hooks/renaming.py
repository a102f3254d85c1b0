"""A repository that was renamed at its forge is followed there; a condition says so.

Git itself follows no redirects (a token must not go wherever a server says), so the forge is asked
for the name. The settings keep the old address: whoever sees the condition changes them.
"""

import asyncio
from collections.abc import Iterable

from app.db.audit import AuditEntry, AuditStore
from app.db.records import Condition
from app.errors import HeadwaterError
from app.ports import Clock, Forge
from app.sync.model import HookEvent
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
TYPE = "Renamed"


class Renaming:
    """Looks whether repositories still have the names that the settings say."""

    def __init__(self, workers: Iterable[SourceWorker], audit: AuditStore, clock: Clock) -> None:
        """Look after the repositories of all `workers`."""
        self._workers = workers
        self._audit = audit
        self._clock = clock

    async def hear(self, event: HookEvent) -> None:
        """Look at once when a forge tells of a rename or a transfer."""
        if event.event == "repository":
            for worker in self._workers:
                if worker.id == event.source_id:
                    await self._check(worker)

    async def run(self) -> None:
        """Look at all of them."""
        for worker in self._workers:
            try:
                await self._check(worker)
            except HeadwaterError as error:
                _LOG.warning("name not checked", source=worker.id, error=error.message)

    async def _check(self, worker: SourceWorker) -> None:
        forge, repo = worker.parts.forge, worker.parts.spec.repo
        if forge is None or repo is None:
            return
        name = await forge.current_name()
        address = renamed(repo, forge.repository, name)
        if address is None or worker.spec.repo == address:
            return
        await self._follow(worker, forge, name, address)

    async def _follow(self, worker: SourceWorker, forge: Forge, name: str, address: str) -> None:
        origin = worker.parts.origin
        if origin is not None:
            await asyncio.to_thread(origin.move_to, address)
        worker.spec = worker.spec.model_copy(update={"repo": address})
        message = f"{forge.repository} is {name} now: set repo to {address}"
        now = self._clock.now()
        worker.parts.told[TYPE] = Condition(TYPE, True, "Renamed", message, now)
        entry = AuditEntry(
            tenant=worker.spec.tenant,
            at=now,
            actor=forge.kind,
            action="source.renamed",
            target=f"source/{worker.id}",
            reason=message,
        )
        await self._audit.add(entry)
        worker.follower.wake("webhook")


def renamed(repo: str, old: str, new: str) -> str | None:
    """Return the address under the new name, None where nothing changed or it cannot be told."""
    ending = ".git" if repo.endswith(".git") else ""
    path = repo.removesuffix("/").removesuffix(".git")
    is_there = path.casefold().endswith(f"/{old}".casefold()) or path.casefold().endswith(
        f":{old}".casefold()
    )
    if not new or old.casefold() == new.casefold() or not is_there:
        return None
    return f"{path[: len(path) - len(old)]}{new}{ending}"
