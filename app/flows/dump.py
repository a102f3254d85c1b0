"""Models as Kestra's JSON: camelCase, only what was set, no nulls."""

from datetime import date, datetime, time, timedelta
from typing import Any

from app.flows.durations import format_duration
from app.flows.times import format_instant, format_time
from app.flows.typed import Model


def dump(value: Any) -> Any:
    """Return a value as plain JSON: models as maps of the properties that were set."""
    if isinstance(value, Model):
        return _properties(value)
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return _temporal(value)


def _temporal(value: Any) -> Any:
    match value:
        case timedelta():
            return format_duration(value)
        case datetime():
            return format_instant(value)
        case time():
            return format_time(value)
        case date():
            return value.isoformat()
        case _:
            return value


def _properties(model: Model) -> dict[str, Any]:
    values = vars(model)  # an attribute that Pydantic knows as deprecated would warn
    return {
        field.serialization_alias or name: dump(values[name])
        for name, field in type(model).model_fields.items()
        if name in model.model_fields_set and values[name] is not None
    }
