"""Pins of whole namespaces and sources: each flow gets a pin of its own, all in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from app.db.records import FlowKey, Pin
from app.errors import Conflict, NotFound
from app.ports import FlowRevision
from app.sync.model import Actor
from app.sync.pin_plan import LeftFlow, PinnedFlow, PinPlan, planned
from app.sync.rollback import Order, Rollback

_MOST_TOLD = 5


class ScopePins:
    """The verbs on pins of many flows."""

    def __init__(self, rollback: Rollback) -> None:
        """Pin through `rollback`."""
        self._rollback = rollback
        self._flows = rollback.flows

    async def pin_namespace(
        self, tenant: str, namespace: str, commit: str, order: Order
    ) -> list[Pin]:
        """Hold every flow of a namespace at what a commit says.

        Raises:
            NotFound: when it has no flows, or the commit is not known.
            Conflict: when a flow is not valid there; `ConfirmationNeeded` as for flows.
        """
        place = replace(order, scope="namespace", target=f"namespace/{namespace}")
        flows = self._of_namespace(tenant, namespace)
        return await self._pin(flows, commit, replace(place, action="namespace.pin"))

    async def pin_source(self, source_id: str, commit: str, order: Order) -> list[Pin]:
        """Hold every flow of a source at what a commit says; raises as `pin_namespace`."""
        place = replace(order, scope="source", target=f"source/{source_id}")
        flows = self._of_source(source_id)
        return await self._pin(flows, commit, replace(place, action="source.pin"))

    async def plan_namespace(self, tenant: str, namespace: str, commit: str) -> PinPlan:
        """Return what pinning a namespace would do; raises as `pin_namespace`."""
        flows = self._of_namespace(tenant, namespace)
        return await self._plan(flows, await self._targets(flows, commit))

    async def plan_source(self, source_id: str, commit: str) -> PinPlan:
        """Return what pinning a source would do; raises as `pin_namespace`."""
        flows = self._of_source(source_id)
        return await self._plan(flows, await self._targets(flows, commit))

    def _of_namespace(self, tenant: str, namespace: str) -> list[FlowRevision]:
        flows = [each for each in self._flows.active(tenant) if each.namespace == namespace]
        if not flows:
            message = f"there are no flows in namespace {namespace} of tenant {tenant}"
            raise NotFound(message)
        return flows

    def _of_source(self, source_id: str) -> list[FlowRevision]:
        flows = [each for each in self._flows.active() if each.source_id == source_id]
        if not flows:
            message = f"no flow is active of source {source_id}"
            raise NotFound(message)
        return flows

    async def unpin_namespace(
        self, tenant: str, namespace: str, actor: Actor, reason: str = ""
    ) -> None:
        """End the pins that an order for a namespace made; raises `NotFound`."""
        pins = [
            each
            for each in await self._rollback.pins.open(tenant)
            if each.scope == "namespace" and each.namespace == namespace
        ]
        await self._unpin(pins, Order(actor, reason), "namespace", namespace)

    async def unpin_source(self, source_id: str, actor: Actor, reason: str = "") -> None:
        """End the pins that an order for a source made; raises `NotFound`."""
        of_source = {_key(each) for each in self._flows.active() if each.source_id == source_id}
        pins = [
            each
            for each in await self._rollback.pins.open()
            if each.scope == "source" and each.key in of_source
        ]
        await self._unpin(pins, Order(actor, reason), "source", source_id)

    async def _unpin(self, pins: Sequence[Pin], order: Order, scope: str, name: str) -> None:
        if not pins:
            message = f"{scope} {name} is not pinned"
            raise NotFound(message)
        done = replace(order, action=f"{scope}.unpin", target=f"{scope}/{name}")
        await self._rollback.end(pins, done, by=order.actor.name)

    async def _pin(self, flows: Sequence[FlowRevision], commit: str, order: Order) -> list[Pin]:
        targets = await self._targets(flows, commit)
        plan = await self._plan(flows, targets)
        # A pin that ends at the next change holds nothing of a flow that is the same.
        wanted = [
            targets[_key(each)]
            for each in flows
            if _key(each) in targets
            and (order.until != "changed" or targets[_key(each)].blob != self._running(each).blob)
        ]
        if not wanted:
            message = f"all runs as {commit} says; pin it with until=manual to hold it there"
            raise Conflict(message)
        return await self._rollback.hold(wanted, order, plan)

    async def _targets(
        self, flows: Sequence[FlowRevision], commit: str
    ) -> dict[FlowKey, FlowRevision]:
        there = await self._flows.at_commit(commit, [_key(each) for each in flows])
        targets = {_key(each): each for each in there if each.kind != "delete"}
        if not targets:
            message = f"commit {commit} says nothing of these flows"
            raise NotFound(message)
        return targets

    async def _plan(
        self, flows: Sequence[FlowRevision], targets: dict[FlowKey, FlowRevision]
    ) -> PinPlan:
        moved: list[PinnedFlow] = []
        left: list[LeftFlow] = []
        refused: list[str] = []
        for each in flows:
            target, running = targets.get(_key(each)), self._running(each)
            if target is None:
                reason = "is not there at that commit; it goes on as Git says"
                left.append(LeftFlow(each.namespace, each.flow_id, reason))
            elif target.blob != running.blob or target.state == "held":
                try:
                    await self._rollback.refuse_unusable(target)
                    now, then = await self._flows.load(running), await self._flows.load(target)
                    moved.append(planned(now, then))
                except Conflict as error:
                    refused.append(error.message)
        if refused:
            more = f" and {len(refused) - _MOST_TOLD} more" if len(refused) > _MOST_TOLD else ""
            message = "; ".join(refused[:_MOST_TOLD]) + more
            raise Conflict(message, problems=refused)
        return PinPlan(tuple(moved), tuple(left))

    def _running(self, flow: FlowRevision) -> FlowRevision:
        return self._flows.effective(*_key(flow))


def _key(flow: FlowRevision) -> FlowKey:
    return flow.tenant, flow.namespace, flow.flow_id
