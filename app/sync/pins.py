"""When pins end. Pure."""

from collections.abc import Iterable

from app.db.records import Pin


def expired(pins: Iterable[Pin], now: int) -> list[Pin]:
    """Return the pins whose time is over."""
    return [pin for pin in pins if pin.until_at is not None and pin.until_at <= now]
