"""Plans for a running node: of commits of its sources, and of trees that are sent to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from app.flows.schedule_dates import moment
from app.flows.typenames import Types
from app.git.diff import diff_commits
from app.git.history import changes_between
from app.git.layout import Layout
from app.git.names import check_path
from app.ports import Clock
from app.sync.planning.files import GivenFiles, Overlaid
from app.sync.planning.memory import Memory
from app.sync.planning.plan import ChangePlan, make_change_plan
from app.sync.planning.source_trees import SourceTrees
from app.sync.planning.tree import TreeView
from app.sync.portion import is_own
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

Tell = Callable[[ChangePlan], Awaitable[ChangePlan]]
"""Adds to a plan what only a running node knows."""

_AT_ONCE: Final = 2
"""Plans that are made at the same time: each of them fills a processor."""


class Planner:
    """Compares trees of sources."""

    def __init__(
        self,
        workers: SourceSet,
        types: Types,
        clock: Clock,
        *,
        zone: tzinfo = UTC,
        tell: Tell | None = None,
    ) -> None:
        """`zone`: the server's, for triggers that name none."""
        self._workers = workers
        self._memory = Memory(types)
        self._clock = clock
        self._zone = zone
        self._tell = tell
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def plan(self, source_id: str, old: str | None, new: str | None) -> ChangePlan:
        """Return what one commit changes against another, with dates and executions.

        Args:
            source_id: the source.
            old: a commit by id, branch or tag; None: the one that is active.
            new: as well; None: the newest that was seen.

        Raises:
            NotFound: when there is no such source. RefNotFound: when there is no such commit.
        """
        found = await self._compared(source_id, old, new, moment(self._clock.now()))
        return await self._tell(found) if self._tell else found

    async def semantic(self, source_id: str, old: str | None, new: str | None) -> ChangePlan:
        """Return what two commits differ in by meaning; raises as `plan`."""
        return await self._compared(source_id, old, new, None)

    async def raw(self, source_id: str, old: str | None, new: str | None, path: str = "") -> str:
        """Return the unified diff of two commits, of one file or folder or everything.

        Raises:
            NotFound, RefNotFound: as `plan`. BadRequest: when no file can have this path.
        """
        worker = self._workers.get(source_id)
        mirror = worker.parts.repository.mirror

        def compare() -> str:
            first, second = _ends(worker, old, new)
            paths = _own(worker, first, second, path) if first else []
            return diff_commits(mirror, first, second, *paths) if paths else ""

        async with self._slots:
            return await asyncio.to_thread(compare)

    async def check(self, files: Mapping[str, bytes], layout: Layout) -> ChangePlan:
        """Return what is wrong with a tree that belongs to no source."""
        head = TreeView(GivenFiles(files), layout, self._memory, label="sent")
        async with self._slots:
            return await asyncio.to_thread(make_change_plan, None, head)

    async def proposal(
        self, source_id: str, files: Mapping[str, bytes], *, partial: bool
    ) -> ChangePlan:
        """Return what a tree would change of a source against what is active.

        `partial`: the files are put over those that are active, else they are all there would be.

        Raises:
            NotFound: when there is no such source.
        """
        worker = self._workers.get(source_id)
        commit = worker.source.last_applied

        def compare() -> ChangePlan:
            trees = SourceTrees.of(worker.parts)
            base = trees.commit(commit) if commit else None
            given = GivenFiles(files, algorithm=_algorithm(commit))
            under = base.files if base is not None and partial else GivenFiles({})
            head = trees.view(Overlaid(under, given), "sent")
            return self._made(trees, base, head, moment(self._clock.now()))

        async with self._slots:
            found = await asyncio.to_thread(compare)
        return await self._tell(found) if self._tell else found

    async def _compared(
        self, source_id: str, old: str | None, new: str | None, now: datetime | None
    ) -> ChangePlan:
        worker = self._workers.get(source_id)

        def compare() -> ChangePlan:
            first, second = _ends(worker, old, new)
            trees = SourceTrees.of(worker.parts)
            base = trees.commit(first) if first else None
            return self._made(trees, base, trees.commit(second), now)

        async with self._slots:
            return await asyncio.to_thread(compare)

    def _made(
        self, trees: SourceTrees, base: TreeView | None, head: TreeView, now: datetime | None
    ) -> ChangePlan:
        return make_change_plan(base, head, now=now, zone=self._zone, elsewhere=trees.is_elsewhere)


def _ends(worker: SourceWorker, old: str | None, new: str | None) -> tuple[str, str]:
    """Return the commits to compare; the first is empty where nothing was ever active."""
    mirror, source = worker.parts.repository.mirror, worker.source
    second = mirror.resolve(new or source.last_seen or worker.parts.repository.ref)
    first = old or source.last_applied
    return mirror.resolve(first) if first else "", second


def _own(worker: SourceWorker, old: str, new: str, path: str) -> list[str]:
    """Return the files of the source's own part that differ, at or below a path ("": all)."""
    below = f"{check_path(path)}/" if path else ""
    changes = changes_between(worker.parts.repository.mirror.disk.launcher, old, new)
    inside = (each.path for each in changes if f"{each.path}/".startswith(below))
    return [each for each in inside if is_own(worker.parts, each)]


def _algorithm(commit: str | None) -> str:
    return "sha256" if commit and len(commit) == 64 else "sha1"
