"""Webhook deliveries on SQL (contract D8): stored before they are answered, kept for days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select

from app.db.database import Database
from app.db.sql import Row, Write
from app.db.tables import DeliveryRow
from app.errors import NotFound

_DELIVERY: Any = DeliveryRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
PAGE = 1_000
"""Most deliveries that are read at once to be told of."""

_ADD = (
    "INSERT INTO webhook_delivery (provider, delivery_id, source_id, event, payload, state,"
    " received_at, action, hint, processed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (provider, delivery_id) DO NOTHING"
)
_AGAIN = (
    "UPDATE webhook_delivery SET state = ?, attempts = 0, error = '', processed_at = NULL"
    " WHERE provider = ? AND delivery_id = ? AND state = 'failed'"
)
_REPLAY = (
    "UPDATE webhook_delivery SET state = ?, attempts = 0, error = '', processed_at = NULL"
    " WHERE provider = ? AND delivery_id = ?"
)
_STATE = (
    "UPDATE webhook_delivery SET state = ? WHERE source_id = ? AND state = 'received'"
    " AND received_at <= ?"
)
_CLAIM = (
    "UPDATE webhook_delivery SET attempts = attempts + 1"
    " WHERE provider = ? AND delivery_id = ? AND attempts = ? AND processed_at IS NULL"
)
_HEARD = (
    "UPDATE webhook_delivery SET processed_at = ?, error = '',"
    " state = CASE state WHEN 'queued' THEN 'done' ELSE state END"
    " WHERE provider = ? AND delivery_id = ?"
)
_GAVE_UP = (
    "UPDATE webhook_delivery SET processed_at = ?, error = ?, state = 'failed'"
    " WHERE provider = ? AND delivery_id = ?"
)
_ERROR = "UPDATE webhook_delivery SET error = ? WHERE provider = ? AND delivery_id = ?"
_FORGET = "DELETE FROM webhook_delivery WHERE received_at < ?"


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One delivery of a forge.

    `state`: received (a sync is to come), queued (somebody is to act on it), done, ignored or
    failed. Times are µs since the epoch.
    """

    provider: str
    delivery_id: str
    source_id: str
    event: str
    payload: str
    state: str
    received_at: int
    action: str = ""
    hint: Mapping[str, Any] = field(default_factory=dict)
    """What of the payload is acted on; empty: nobody is told."""
    attempts: int = 0
    error: str = ""
    processed_at: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.provider, self.delivery_id


class DeliveryStore:
    """Deliveries by provider and id."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def add(self, delivery: StoredDelivery) -> bool:
        """Store a delivery; return False when it was stored before (a failed one counts anew)."""
        row = (
            *delivery.key,
            delivery.source_id,
            delivery.event,
            delivery.payload,
            delivery.state,
            delivery.received_at,
            delivery.action,
            orjson.dumps(delivery.hint).decode(),
            delivery.processed_at,
        )
        again = (delivery.state, *delivery.key)
        counts = await self._database.submit([Write(_ADD, [row]), Write(_AGAIN, [again])])
        return any(counts)

    async def settle(self, source_id: str, state: str, *, until: int) -> None:
        """Note what became of the pushes that arrived up to a time."""
        await self._database.submit([Write(_STATE, [(state, source_id, until)])])

    async def unfinished(self, source_id: str) -> int:
        """Return how many deliveries wait for a sync."""
        query = select(_DELIVERY.c.delivery_id).where(
            _DELIVERY.c.source_id == source_id, _DELIVERY.c.state == "received"
        )
        return len(await self._database.fetch(query))

    async def forget(self, before: int) -> None:
        """Delete deliveries that arrived before a time (µs)."""
        await self._database.submit([Write(_FORGET, [(before,)])])

    # -- what somebody is to act on ---------------------------------------------------------------

    async def unheard(self) -> list[StoredDelivery]:
        """Return deliveries that nobody has been told of, oldest first, without payloads."""
        table = _DELIVERY.c
        some = [each for each in table if each.name != "payload"]
        query = (
            select(*some)
            .where(table.processed_at.is_(None), table.hint != "{}")
            .order_by(table.received_at, table.delivery_id)
            .limit(PAGE)
        )
        return [_stored(row) for row in await self._database.fetch(query)]

    async def claim(self, delivery: StoredDelivery) -> bool:
        """Begin a try; return False when another node did."""
        row = (*delivery.key, delivery.attempts)
        return bool((await self._database.submit([Write(_CLAIM, [row])]))[0])

    async def heard(self, delivery: StoredDelivery, at: int) -> None:
        """Note that everybody has acted on it."""
        await self._database.submit([Write(_HEARD, [(at, *delivery.key)])])

    async def note_error(self, delivery: StoredDelivery, error: str) -> None:
        """Note why a try failed; there will be another."""
        await self._database.submit([Write(_ERROR, [(error, *delivery.key)])])

    async def gave_up(self, delivery: StoredDelivery, error: str, at: int) -> None:
        """Note that there will be no other try, unless the forge delivers it again."""
        await self._database.submit([Write(_GAVE_UP, [(at, error, *delivery.key)])])

    async def again(self, delivery: StoredDelivery, state: str) -> None:
        """Let a delivery wait for somebody to act on it, as if it had just come."""
        await self._database.submit([Write(_REPLAY, [(state, *delivery.key)])])

    # -- for people -------------------------------------------------------------------------------

    async def find(
        self, *, source_id: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[StoredDelivery]:
        """Return the newest deliveries: all, of a source, in a state."""
        table = _DELIVERY.c
        query = select(_DELIVERY).order_by(table.received_at.desc(), table.delivery_id).limit(limit)
        if source_id is not None:
            query = query.where(table.source_id == source_id)
        if state is not None:
            query = query.where(table.state == state)
        return [_stored(row) for row in await self._database.fetch(query)]

    async def get(self, delivery_id: str) -> StoredDelivery:
        """Return a delivery; raises `NotFound`."""
        query = select(_DELIVERY).where(_DELIVERY.c.delivery_id == delivery_id)
        for row in await self._database.fetch(query):
            return _stored(row)
        message = f"there is no delivery {delivery_id}"
        raise NotFound(message)


def _stored(row: Row) -> StoredDelivery:
    return StoredDelivery(
        provider=row.provider,
        delivery_id=row.delivery_id,
        source_id=row.source_id,
        event=row.event,
        payload=getattr(row, "payload", ""),
        state=row.state,
        received_at=row.received_at,
        action=row.action,
        hint=orjson.loads(row.hint),
        attempts=row.attempts,
        error=row.error,
        processed_at=row.processed_at,
    )
