"""Deliveries as people see them: what came, what became of it, and once more."""

from app.db.audit import AuditEntry, AuditStore
from app.db.deliveries import DeliveryStore, StoredDelivery
from app.errors import Conflict
from app.ports import Clock
from app.sync.inbox import Inbox
from app.sync.model import Actor
from app.sync.sources import SourceSet


class Deliveries:
    """The deliveries of forges that are remembered."""

    def __init__(
        self,
        store: DeliveryStore,
        workers: SourceSet,
        inbox: Inbox,
        audit: AuditStore,
        clock: Clock,
    ) -> None:
        """Read from `store`; what is done again goes to `workers` and `inbox`."""
        self._store = store
        self._workers = workers
        self._inbox = inbox
        self._audit = audit
        self._clock = clock

    async def find(
        self, *, source_id: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[StoredDelivery]:
        """Return the newest deliveries; raises `NotFound` for a source that is not there."""
        if source_id is not None:
            self._workers.get(source_id)
        return await self._store.find(source_id=source_id, state=state, limit=limit)

    async def get(self, delivery_id: str) -> StoredDelivery:
        """Return a delivery; raises `NotFound`."""
        return await self._store.get(delivery_id)

    async def replay(self, delivery_id: str, actor: Actor, reason: str = "") -> StoredDelivery:
        """Act on a delivery once more, as if the forge had just sent it.

        Raises:
            NotFound: when there is none. Conflict: when nobody acts on deliveries of its kind.
        """
        delivery = await self._store.get(delivery_id)
        event = delivery.hint.get("event")
        if not event or delivery.state == "ignored":
            message = f"delivery {delivery_id} ({delivery.event}) concerns no source"
            raise Conflict(message)
        await self._note(delivery, actor, reason)
        await self._store.again(delivery, "received" if event == "push" else "queued")
        if event == "push":
            self._wake(delivery)
        self._inbox.wake()
        return await self._store.get(delivery_id)

    def _wake(self, delivery: StoredDelivery) -> None:
        for worker in self._workers:
            if worker.id in delivery.hint.get("sources", ()):
                worker.parts.delivered = True
                worker.follower.wake("webhook")

    async def _note(self, delivery: StoredDelivery, actor: Actor, reason: str) -> None:
        entry = AuditEntry(
            tenant=next(
                (each.spec.tenant for each in self._workers if each.id == delivery.source_id),
                "main",
            ),
            at=self._clock.now(),
            actor=actor.name,
            action="webhook.replay",
            target=f"source/{delivery.source_id}",
            reason=reason or f"delivery {delivery.delivery_id}",
            detail={"delivery": delivery.delivery_id, "event": delivery.event},
        )
        await self._audit.add(entry)
