"""Webhook deliveries (contract D8): checked, stored, answered; the work comes later.

A payload is a hint and nothing else: what there is to sync, the repository itself is asked.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.config import WebhookSettings
from app.db.audit import AuditEntry, AuditStore
from app.db.deliveries import DeliveryStore, StoredDelivery
from app.errors import NotFound, TooLarge, Unauthorized
from app.ports import Clock
from app.sync.forges import Call, check_signature, concern, read_headers, read_payload
from app.sync.hints import Hint, read_hint
from app.sync.hooks.addresses import Addresses
from app.sync.hooks.bearers import PROVIDER, ClaimsOf, bearer_of, no_claims, read_bearer
from app.sync.hooks.subscriptions import judge
from app.sync.inbox import Inbox
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
        inbox: Inbox,
        clock: Clock,
    ) -> None:
        """A push makes the loop of its source look at the repository; `inbox` tells the rest."""
        self._workers = workers
        self._settings = settings
        self._deliveries = deliveries
        self._inbox = inbox
        self._clock = clock
        self._addresses = Addresses(clock)
        self.claims_of: ClaimsOf = no_claims
        """Reads tokens in place of signatures."""

    async def deliver(
        self, key: str, headers: Mapping[str, str], body: bytes, address: str | None = None
    ) -> Delivery:
        """Take a delivery (see `SyncService.deliver`)."""
        workers = self._of(key)
        most = self._settings.git_max_bytes
        if len(body) > most:
            message = f"the delivery has {len(body)} bytes, {most} are allowed"
            raise TooLarge(message)
        await self._addresses.check(workers, address)
        token = bearer_of(headers)
        if token is not None:
            return await self._take_token(workers, token)
        call = read_headers(headers)
        try:
            good = check_signature(call, body, _secrets(workers))
        except Unauthorized:
            METRICS.git_webhook.labels(call.forge, "refused").inc()
            raise
        workers = _signed(workers, good)
        payload = read_payload(call, body)
        if call.event == "ping":
            return self._answer_ping(workers, call, payload)
        hint = read_hint(call.forge, call.event, payload)
        return await self._take(workers, call, hint, body)

    async def _take_token(self, workers: list[SourceWorker], token: str) -> Delivery:
        try:
            good, call, hint = await read_bearer(workers, token, self.claims_of)
        except Unauthorized:
            METRICS.git_webhook.labels(PROVIDER, "refused").inc()
            raise
        return await self._take(good, call, hint, b"")

    def _answer_ping(
        self, workers: list[SourceWorker], call: Call, payload: Mapping[str, Any]
    ) -> Delivery:
        """Answer, and tell which events the webhook should be subscribed to besides."""
        METRICS.git_webhook.labels(call.forge, "ping").inc()
        hook = payload.get("hook")
        events = hook.get("events") if isinstance(hook, Mapping) else None
        if not isinstance(events, list):
            return Delivery(200, {"ping": True})
        there = {each for each in events if isinstance(each, str)}
        now = self._clock.now()
        lacking = [judge(worker, call.forge, there, now) for worker in workers]
        missing = sorted({event for each in lacking for event in each})
        return Delivery(200, {"ping": True} | ({"missing": missing} if missing else {}))

    def _of(self, key: str) -> list[SourceWorker]:
        """Return the sources of a hook; every key is compared, so that none is guessed by time."""
        found = []
        for worker in self._workers:
            wanted = (worker.spec.hook_key or "").encode()
            if hmac.compare_digest(wanted, key.encode()) and wanted:
                found.append(worker)
        if not found:
            message = "there is no webhook of this name"
            raise NotFound(message)
        repositories = {worker.spec.repo for worker in found}
        shared = (each for each in self._workers if each.spec.hook_key is None)
        return found + [each for each in shared if each.spec.repo in repositories]

    async def _take(
        self, workers: list[SourceWorker], call: Call, hint: Hint, body: bytes
    ) -> Delivery:
        reasons = [concern(hint, call.event, worker.spec) for worker in workers]
        concerned = [each for each, why in zip(workers, reasons, strict=True) if why is None]
        ignored = None if concerned else reasons[0]
        delivery = self._stored(concerned or workers[:1], call, hint, body, bool(ignored))
        if not await self._deliveries.add(delivery):
            METRICS.git_webhook.labels(call.forge, "duplicate").inc()
            return Delivery(200, {"duplicate": True, "delivery": delivery.delivery_id})
        METRICS.git_webhook.labels(call.forge, "ignored" if ignored else "taken").inc()
        if ignored:
            await self._note_foreign(workers[0], delivery, ignored)
            return Delivery(202, {"delivery": delivery.delivery_id, "ignored": ignored})
        self._act(concerned, hint)
        return Delivery(202, {"delivery": delivery.delivery_id})

    def _stored(
        self, workers: list[SourceWorker], call: Call, hint: Hint, body: bytes, ignored: bool
    ) -> StoredDelivery:
        kept = asdict(hint) | {"sources": [each.id for each in workers]}
        del kept["repository"], kept["refs"]
        state = "ignored" if ignored else "received" if hint.event == "push" else "queued"
        now = self._clock.now()
        return StoredDelivery(
            provider=call.forge,
            delivery_id=call.delivery_id[:_MAX_ID] or hashlib.sha256(body).hexdigest(),
            source_id=workers[0].id,
            event=call.event[:_MAX_ID],
            payload=body[:_KEPT_PAYLOAD].decode("utf-8", "replace").replace("\0", ""),
            state=state,
            received_at=now,
            processed_at=now if ignored else None,
            action=hint.action[:_MAX_ID],
            hint=kept,
        )

    def _act(self, workers: list[SourceWorker], hint: Hint) -> None:
        if hint.event == "push":
            for worker in workers:
                worker.parts.delivered = True
                worker.follower.wake("webhook")
        self._inbox.wake()

    async def _note_foreign(
        self, worker: SourceWorker, delivery: StoredDelivery, ignored: str
    ) -> None:
        """Audit a signed delivery that speaks for another repository."""
        if not ignored.startswith("repository "):
            return
        audit: AuditStore = self._workers.shared.audit
        entry = AuditEntry(
            tenant=worker.spec.tenant,
            at=delivery.received_at,
            actor=delivery.provider,
            action="webhook.ignored",
            target=f"source/{worker.id}",
            reason=f"the delivery {delivery.delivery_id} names another {ignored}",
        )
        await audit.add(entry)

    async def forget_old(self) -> None:
        """Delete deliveries that are older than they are remembered."""
        kept = int(self._settings.remember_days * 24 * _HOUR)
        await self._deliveries.forget(self._clock.now() - kept)


def _signed(workers: list[SourceWorker], good: frozenset[str]) -> list[SourceWorker]:
    """Return the sources that a delivery may speak for: those of the repositories it is signed for.

    Several repositories may share a key: who knows the secret of one is nobody to the others.
    """
    signed = {each.spec.repo for each in workers if good.intersection(each.spec.accepted_secrets)}
    return [each for each in workers if each.spec.repo in signed]


def _secrets(workers: list[SourceWorker]) -> tuple[str, ...]:
    every = (secret for each in workers for secret in each.spec.accepted_secrets)
    return tuple(dict.fromkeys(every))
