"""The status service: how flows, namespaces, tenants and sources stand."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.db.flows import FlowStore
from app.db.health import HealthStore, Tally
from app.db.records import FlowKey, Source, SyncRun
from app.db.sources import SourceStore
from app.db.standing import Ahead, StandingStore
from app.errors import Gone, NotFound
from app.ports import Clock, FlowRevision
from app.sync.orphans import Orphans
from app.sync.sources import SourceSet
from app.sync.standing import FlowStanding, Rollup, Sync, health_of, rolled_up

_DAY = 86_400 * 1_000_000
_FRESH = 15 * 1_000_000
"""µs for which a picture of everything is good enough for those who ask often."""
_RUNS = 50


class Facts(NamedTuple):
    """Everything that standings are made of."""

    ahead: Mapping[FlowKey, Ahead]
    behind: Mapping[FlowKey, int]
    disabled: set[FlowKey]
    tallies: Mapping[FlowKey, list[Tally]]


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How a namespace, a tenant or a source stands."""

    name: str
    rollup: Rollup
    tenant: str = ""
    commit: str = ""
    source_id: str = ""
    flows: tuple[FlowStanding, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source stands."""

    source: Source
    rollup: Rollup
    places: tuple[PlaceStatus, ...]
    lag_seconds: float
    """How long something newer waits to become active."""
    webhook: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[SyncRun, ...] = ()
    findings: Mapping[str, int] = field(default_factory=dict)


class Stores(NamedTuple):
    """What the status is read from."""

    flows: FlowStore
    sources: SourceStore
    standing: StandingStore
    health: HealthStore


class Status:
    """Answers how things stand."""

    def __init__(self, stores: Stores, workers: SourceSet, clock: Clock) -> None:
        """Read from `stores`."""
        self._stores = stores
        self._workers = workers
        self._clock = clock
        self._all: list[FlowStanding] = []
        self._all_at = 0
        self._changes = 0
        self._turn = asyncio.Lock()

    async def flow(self, key: FlowKey) -> FlowStanding:
        """Return how a flow stands; raises `NotFound`."""
        facts = await self._facts(key[0], key[1], key)
        try:
            running = self._stores.flows.effective(*key)
        except Gone:
            return FlowStanding(*key, "Deleted", "Unknown")
        except NotFound:
            if (new := facts.ahead.get(key)) is None:
                raise
            return FlowStanding(*key, _sync(new), "Unknown", newest=new.revision)
        return self._standing(running, facts)

    async def namespace(self, tenant: str, namespace: str) -> PlaceStatus:
        """Return how a namespace stands, with its flows; raises `NotFound`."""
        places = await self._stores.standing.places(tenant=tenant, namespace=namespace)
        facts = await self._facts(tenant, namespace)
        own = [each for each in self._stores.flows.active(tenant) if each.namespace == namespace]
        flows = tuple(self._standings(facts, own))
        if not places and not flows:
            message = f"there is no namespace {namespace} in tenant {tenant}"
            raise NotFound(message)
        place = places[0] if places else None
        rollup = rolled_up(flows, [each.state for each in places])
        commit, source = (place.commit, place.source_id) if place else ("", "")
        return PlaceStatus(namespace, rollup, tenant, commit, source, flows)

    async def tenant(
        self, tenant: str, wanted: Callable[[str], bool] = lambda _: True
    ) -> PlaceStatus:
        """Return how a tenant stands (of its namespaces, those `wanted`), without its flows."""
        known = await self._stores.standing.places(tenant=tenant)
        places = [each for each in known if wanted(each.namespace)]
        every = await self.all()
        flows = [each for each in every if each.tenant == tenant and wanted(each.namespace)]
        return PlaceStatus(tenant, rolled_up(flows, [each.state for each in places]), tenant)

    async def source(self, source_id: str) -> SourceStatus:
        """Return how a source and its namespaces stand; raises `NotFound`."""
        source = await Orphans(self._workers).known(source_id)
        has_hook = (
            source_id in self._workers and self._workers.get(source_id).spec.hook_key is not None
        )
        places = await self._stores.standing.places(source_id)
        of_place: dict[tuple[str, str], list[FlowStanding]] = {}
        for each in await self.all():
            of_place.setdefault((each.tenant, each.namespace), []).append(each)
        shown = [
            PlaceStatus(
                place.namespace,
                rolled_up(of_place.get((place.tenant, place.namespace), ()), [place.state]),
                place.tenant,
                place.commit,
                source_id,
            )
            for place in places
        ]
        inside = (of_place.get((place.tenant, place.namespace), []) for place in places)
        flows = [each for some in inside for each in some]
        return SourceStatus(
            source,
            rolled_up(flows, [place.state for place in places]),
            tuple(shown),
            await self.lag(source),
            await self._webhook(source_id, wanted=has_hook),
            tuple(_distinct(await self._stores.sources.runs(source_id, 500))),
            await self._findings(source_id),
        )

    async def lag(self, source: Source) -> float:
        """Return for how many seconds something newer has been waiting; 0 when nothing does."""
        if source.last_seen is None or source.last_seen == source.last_applied:
            return 0.0
        since = await self._stores.standing.first_seen(source.id, source.last_seen)
        return 0.0 if since is None else max(0.0, (self._clock.now() - since) / 1_000_000)

    async def all(self) -> list[FlowStanding]:
        """Return how every flow stands, or stood some seconds ago."""
        async with self._turn:
            now, changes = self._clock.now(), self._changes
            if now - self._all_at > _FRESH:
                facts, flows = await self._facts(), self._stores.flows.active()
                # Ten thousand of them would hold up the loop for a tenth of a second.
                self._all = await asyncio.to_thread(self._standings, facts, flows)
                # What changed while it was looked at may be missing.
                self._all_at = now if changes == self._changes else 0
            return self._all

    def forget(self) -> None:
        """Look again at everything when it is next asked for: a run has changed something."""
        self._changes += 1
        self._all_at = 0

    # -- private ---------------------------------------------------------------------------------

    async def _facts(
        self, tenant: str | None = None, namespace: str | None = None, key: FlowKey | None = None
    ) -> Facts:
        standing = self._stores.standing
        tallies: dict[FlowKey, list[Tally]] = {}
        since = self._clock.now() - _DAY
        for each in await self._stores.health.tallies(
            tenant=tenant, namespace=namespace, key=key, since=since
        ):
            tallies.setdefault(each.key, []).append(each)
        return Facts(
            await standing.ahead(tenant, namespace),
            await standing.behind(tenant),
            await standing.disabled(),
            tallies,
        )

    def _standings(self, facts: Facts, flows: Iterable[FlowRevision]) -> list[FlowStanding]:
        """Return how flows stand, and those of which nothing ever was active."""
        standings = []
        known: set[FlowKey] = set()
        for each in flows:
            key = (each.tenant, each.namespace, each.flow_id)
            known.add(key)
            running = self._stores.flows.pinned(*key) or each
            standings.append(self._standing(running, facts))
        standings += [
            FlowStanding(*key, _sync(new), "Unknown", newest=new.revision)
            for key, new in facts.ahead.items()
            if key not in known and new.kind != "delete" and new.state in ("invalid", "held")
        ]
        return standings

    def _standing(self, running: FlowRevision, facts: Facts) -> FlowStanding:
        key = (running.tenant, running.namespace, running.flow_id)
        new = facts.ahead.get(key)
        pinned = self._stores.flows.pinned(*key) is not None
        said = self._stores.flows.in_git(*key)
        tallies = [each for each in facts.tallies.get(key, ()) if each.revision == running.revision]
        override = self._stores.flows.overrides.of(key).disabled
        disabled = key in facts.disabled if override is None else override
        newest = new.revision if new else said.revision if said else running.revision
        return FlowStanding(
            *key,
            "Pinned" if pinned else _sync(new),
            health_of(tallies, disabled=disabled),
            running.revision,
            newest,
            facts.behind.get(key, 0) if pinned else 0,
            {each.state: each.count for each in tallies},
        )

    async def _webhook(self, source_id: str, *, wanted: bool) -> Mapping[str, Any]:
        last = await self._stores.standing.last_delivery(source_id)
        if last is None:
            return {"configured": wanted, "last_at": None, "healthy": False}
        at, state = last
        return {"configured": wanted, "last_at": at, "healthy": wanted and state != "failed"}

    async def _findings(self, source_id: str) -> Mapping[str, int]:
        counts = {"error": 0, "warning": 0}
        for each in await self._stores.sources.findings(source_id):
            counts[each.severity] = counts.get(each.severity, 0) + 1
        return counts


def _sync(new: Ahead | None) -> Sync:
    if new is None:
        return "Synced"
    return {"invalid": "Invalid", "held": "Held"}.get(new.state, "Pending")  # type: ignore[return-value]  # both are


def _distinct(runs: Iterable[SyncRun]) -> Iterable[SyncRun]:
    """Yield the newest runs, one of each commit and outcome."""
    known: set[tuple[str | None, str | None]] = set()
    for run in runs:
        if (mark := (run.new_commit, run.outcome)) not in known and len(known) < _RUNS:
            known.add(mark)
            yield run
