"""Webhook deliveries (contract D8): checked, stored, answered; the work comes later.

A payload is a hint and nothing else: what there is to sync, the repository itself is asked.
"""

import hashlib
import hmac
from collections.abc import Mapping

from app.config import WebhookSettings
from app.db.deliveries import DeliveryStore, StoredDelivery
from app.errors import NotFound, TooLarge, Unauthorized
from app.ports import Clock
from app.sync.forges import Call, check_signature, concern, read_headers, read_payload
from app.sync.model import Delivery
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker
from app.telemetry import METRICS

_MAX_ID = 128
_KEPT_PAYLOAD = 16_384
"""Characters of a payload that are kept, for people who look for what a forge sent."""
_HOUR = 3_600_000_000


class Webhook:
    """Takes deliveries for all sources."""

    def __init__(
        self,
        workers: SourceSet,
        settings: WebhookSettings,
        deliveries: DeliveryStore,
        clock: Clock,
    ) -> None:
        """A delivery makes the loop of its source look at the repository."""
        self._workers = workers
        self._settings = settings
        self._deliveries = deliveries
        self._clock = clock

    async def deliver(self, key: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Take a delivery (see `SyncService.deliver`)."""
        worker = self._of(key)
        spec = worker.spec
        most = self._settings.git_max_bytes
        if len(body) > most:
            message = f"the delivery has {len(body)} bytes, {most} are allowed"
            raise TooLarge(message)
        call = read_headers(headers)
        try:
            check_signature(call, body, spec.accepted_secrets)
        except Unauthorized:
            METRICS.git_webhook.labels(call.forge, "refused").inc()
            raise
        payload = read_payload(call, body)
        if call.event == "ping":
            return Delivery(200, {"ping": True})
        ignored = concern(payload, call.event, url=spec.repo or "", ref=spec.ref_kind[1])
        delivery = await self._store(worker, call, body, ignored)
        result = "ignored" if ignored else "taken" if delivery.status == 202 else "duplicate"
        METRICS.git_webhook.labels(call.forge, result).inc()
        return delivery

    def _of(self, key: str) -> SourceWorker:
        """Return the source of a hook; every key is compared, so that none is guessed by time."""
        found = None
        for worker in self._workers:
            wanted = (worker.spec.hook_key or "").encode()
            if hmac.compare_digest(wanted, key.encode()) and wanted:
                found = worker
        if found is None:
            message = "there is no webhook of this name"
            raise NotFound(message)
        return found

    async def _store(
        self, worker: SourceWorker, call: Call, body: bytes, ignored: str | None
    ) -> Delivery:
        delivery_id = call.delivery_id[:_MAX_ID] or hashlib.sha256(body).hexdigest()
        stored = StoredDelivery(
            provider=call.forge,
            delivery_id=delivery_id,
            source_id=worker.id,
            event=call.event[:_MAX_ID],
            payload=body[:_KEPT_PAYLOAD].decode("utf-8", "replace").replace("\0", ""),
            state="ignored" if ignored else "received",
            received_at=self._clock.now(),
        )
        if not await self._deliveries.add(stored):
            return Delivery(200, {"duplicate": True, "delivery": delivery_id})
        if ignored:
            return Delivery(202, {"delivery": delivery_id, "ignored": ignored})
        worker.parts.delivered = True
        worker.follower.wake("webhook")
        return Delivery(202, {"delivery": delivery_id})

    async def forget_old(self) -> None:
        """Delete deliveries that are older than they are remembered."""
        kept = int(self._settings.remember_days * 24 * _HOUR)
        await self._deliveries.forget(self._clock.now() - kept)
