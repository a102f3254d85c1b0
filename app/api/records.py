"""Records of the database and of Git as JSON: camelCase, times as moments, JSON unpacked."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
from pydantic.alias_generators import to_camel

from app.api.times import instant


def record_json(record: Any) -> dict[str, Any]:
    """Return a dataclass, a row or a map as JSON; what is empty is left out."""
    return {
        to_camel(name.rstrip("_")): shown
        for name, value in _items(record)
        if (shown := _shown(name, value)) is not None
    }


def _items(record: Any) -> Iterable[tuple[str, Any]]:
    if is_dataclass(record) and not isinstance(record, type):
        return [(field.name, getattr(record, field.name)) for field in fields(record)]
    if isinstance(record, Mapping):
        return [(str(name), value) for name, value in record.items()]
    values: Mapping[str, Any] = record._asdict()
    return values.items()


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and _is_time(name):
        return instant(value) if value else None
    if isinstance(value, str) and value[:1] in ("{", "["):
        return _unpacked(value)
    if isinstance(value, list | tuple):
        return [record_json(each) if _is_record(each) else each for each in value]
    return record_json(value) if _is_record(value) else value


def _is_time(name: str) -> bool:
    return name in ("at", "last_transition") or name.endswith("_at")


def _is_record(value: Any) -> bool:
    dataclass = is_dataclass(value) and not isinstance(value, type)
    return dataclass or hasattr(value, "_asdict")


def _unpacked(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
