"""Pins, overlays, watched releases, standings and the audit log on SQLite and on PostgreSQL."""

import pytest

from app.db.audit import AuditFilter
from app.db.overlays import OverlayStore
from app.executions import execution_id
from app.sync.overlays import Overlays, Stored, Word
from app.sync.rollback import Order
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, Rig, flow, path
from tests.sync.test_overlays import Switches
from tests.sync.test_releases import RELEASE, ran

A = ("main", "shop", "a")
NAMESPACE = "tenants/main/namespaces/shop/namespace.yaml"


@pytest.mark.postgres
async def test_on_postgresql(start: Start, scratch: Scratch, postgres_database: str) -> None:
    await life(await start(url=postgres_database, repo=str(scratch.path)), scratch)


async def test_on_sqlite(start: Start, scratch: Scratch) -> None:
    await life(await start(repo=str(scratch.path)), scratch)


async def life(rig: Rig, scratch: Scratch) -> None:
    first = scratch.commit({path("a"): flow("a", "1"), path("b"): flow("b", "1")})
    scratch.commit({path("a"): flow("a", "2"), NAMESPACE: RELEASE % b"pin"})
    await rig.outcome()
    await pins(rig, scratch, first)
    await overlays(rig)
    await releases(rig, scratch)
    await standings(rig, scratch)
    await audit(rig)


async def pins(rig: Rig, scratch: Scratch, first: str) -> None:
    made = await rig.sync.scopes.pin_namespace("main", "shop", first, Order(ANN, until="manual"))
    assert [(each.flow_id, each.revision, each.commit) for each in made] == [
        ("a", 1, first),
        ("b", 1, first),
    ]
    await rig.sync.scopes.unpin_namespace("main", "shop", ANN)
    pin = await rig.sync.rollback(*A, reason="bad", actor=ANN, until="manual")
    await rig.store.pins.note_revert(pin, "asked", "changeset")
    scratch.commit({path("a"): flow("a", "1")})
    await rig.outcome()
    ended = (await rig.store.pins.of_flow(A))[-1]
    assert ended.ended_by == f"reconciled by commit {scratch.tip()}"


async def overlays(rig: Rig) -> None:
    verbs = Overlays(
        Stored(OverlayStore(rig.database), rig.flows),
        rig.clock,
        rig.sync.timing,
        Switches({(*A, "daily")}),
    )
    await verbs.disable_flows([A], Word(ANN, "ill"), disabled=True)
    await verbs.limit(A, 3, Word(ANN))
    await verbs.disable_trigger((*A, "daily"), Word(ANN), disabled=True)
    override = rig.flows.overrides.of(A)
    assert (override.disabled, override.limit, override.triggers) == (True, 3, {"daily"})
    for each in await verbs.open("main"):
        await verbs.end(A, each.id, Word(ANN))
    assert not (await rig.flows.current(*A)).flow.disabled


async def releases(rig: Rig, scratch: Scratch) -> None:
    rig.sync.releases.timing = None
    scratch.commit({path("a"): flow("a", "3")})
    await rig.outcome()
    await rig.sync.reporter.settled()
    (watch,) = await rig.store.watches.open()
    await ran(rig, watch.revision, ["FAILED"] * 4)
    await rig.sync.releases.judge()
    assert (await rig.store.watches.of_flow(A))[-1].state == "rolled-back"
    assert len(await rig.store.health.failed(A, watch.revision, 3)) == 3


async def standings(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("c"): BROKEN})
    await rig.outcome()
    a = await rig.sync.status.flow(A)
    assert (a.sync, a.behind) == ("Pinned", 1)
    found = await rig.sync.status.source("main")
    assert found.rollup.sync == "Invalid"
    assert {each.name for each in found.places} == {"shop"}


async def audit(rig: Rig) -> None:
    found = await rig.audit.search(AuditFilter("main", "flow/shop.a", "flow."), 3)
    assert found[0].action == "flow.auto-rollback"
    rest = await rig.audit.search(AuditFilter("main", "flow/shop.a", after=found[-1].id), 100)
    assert {"pin.reconciled", "flow.rollback"} <= {each.action for each in rest}
    assert not await rig.audit.search(AuditFilter(since=rig.clock.now()), 1)
    assert not await rig.audit.search(AuditFilter(after=execution_id()[:1]), 1)
