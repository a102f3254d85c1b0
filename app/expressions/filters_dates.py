"""Filters on dates (reference §5.11).

An input is a date, a text (ISO-8601, or as `existingFormat` says) or whole seconds since 1970.
`format` is `iso`, `iso_sec`, `sql`, …, `full` to `short`, or a Java pattern. `timeZone` is by
default the server's.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from app.expressions.arguments import optional_text, text_argument, whole_argument
from app.expressions.date_formats import plus, read, write
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_filter
from app.expressions.zones import zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = ("format", "timeZone", "existingFormat", "locale")
_POINT = ("timeZone", "existingFormat")


@declare_filter("date", *_FORMAT)
def date(
    evaluation: Evaluation,
    value: Any,
    form: Any = None,
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str | None:
    """The moment as text in a format.

    `{{ 'July 24, 2001' | date('yyyy-MM-dd', existingFormat='MMMM dd, yyyy') }}`
    """
    if value is None:
        return None
    return formatted(evaluation, value, form, time_zone, existing_format, locale)


@declare_filter("dateAdd", "amount", "unit", *_FORMAT)
def date_add(
    evaluation: Evaluation,
    value: Any,
    amount: Any,
    unit: Any,
    form: Any = None,
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str | None:
    """The date moved by `amount` of a unit (`DAYS`, `HOURS`, …) and written in a format."""
    if value is None:
        return None
    moment = _moment(evaluation, "dateAdd", value, time_zone, existing_format, locale)
    moved = plus(
        moment, whole_argument("dateAdd", "amount", amount), text_argument("dateAdd", "unit", unit)
    )
    return formatted(evaluation, moved, form, time_zone, None, locale)


@declare_filter("timestamp", *_POINT)
def timestamp(
    evaluation: Evaluation, value: Any, time_zone: Any = None, existing_format: Any = None
) -> int | None:
    """Whole seconds since 1970."""
    micros = _micros(evaluation, value, time_zone, existing_format)
    return None if micros is None else micros // 1_000_000


@declare_filter("timestampMilli", *_POINT)
def timestamp_milli(
    evaluation: Evaluation, value: Any, time_zone: Any = None, existing_format: Any = None
) -> str | None:
    """Milliseconds since 1970, as text."""
    micros = _micros(evaluation, value, time_zone, existing_format)
    return None if micros is None else str(micros // 1_000)


@declare_filter("timestampMicro", *_POINT)
def timestamp_micro(
    evaluation: Evaluation, value: Any, time_zone: Any = None, existing_format: Any = None
) -> str | None:
    """Kestra's number of "microseconds": seconds times 10⁹ plus the microsecond, as text.

    That is not microseconds since 1970, but what Kestra gives. `timestampNano` is exact.
    """
    micros = _micros(evaluation, value, time_zone, existing_format)
    if micros is None:
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return str(seconds * 1_000_000_000 + rest)


@declare_filter("timestampNano", *_POINT)
def timestamp_nano(
    evaluation: Evaluation, value: Any, time_zone: Any = None, existing_format: Any = None
) -> str | None:
    """Nanoseconds since 1970, as text."""
    micros = _micros(evaluation, value, time_zone, existing_format)
    return None if micros is None else str(micros * 1_000)


def formatted(
    evaluation: Evaluation,
    value: Any,
    form: Any,
    time_zone: Any,
    existing_format: Any,
    locale: Any,
) -> str:
    """Return a date in a format; arguments as given to `date` and `now`.

    Raises:
        ExpressionError: when the value is no date, or an argument is not known.
    """
    moment = _moment(evaluation, "date", value, time_zone, existing_format, locale)
    name = optional_text("date", "format", form) or "iso"
    language = optional_text("date", "locale", locale) or evaluation.environment.locale
    return write(moment, name, zone_of(evaluation, time_zone), language)


def zone_of(evaluation: Evaluation, time_zone: Any) -> tzinfo:
    """Return the zone of an argument `timeZone`, by default the server's."""
    name = optional_text("date", "timeZone", time_zone)
    return evaluation.environment.zone if name is None else zone_named(name)


def _moment(
    evaluation: Evaluation,
    name: str,
    value: Any,
    time_zone: Any,
    existing_format: Any,
    locale: Any,
) -> datetime:
    zone = zone_of(evaluation, time_zone)
    form = optional_text(name, "existingFormat", existing_format)
    language = optional_text(name, "locale", locale) or evaluation.environment.locale
    moment = read(value, zone, form, language)
    # Days are added in the zone that was asked for, when one was.
    return moment if time_zone is None else moment.astimezone(zone)


def _micros(evaluation: Evaluation, value: Any, time_zone: Any, existing_format: Any) -> int | None:
    if value is None:
        return None
    moment = _moment(evaluation, "timestamp", value, time_zone, existing_format, None)
    return (moment - _EPOCH) // timedelta(microseconds=1)
