"""Names and formats of dates in languages that `date_names` does not hold, from Unicode CLDR."""

import functools
from typing import Any, Final

from app.expressions.date_names import BUILT_IN, HOMES, STYLES, Language

_MAX_CHARS = 20
_SUNDAY = 6

# How the long styles join date and time where the language has a word for it; Babel leaves it out.
_AT: Final = {
    "en": "{1} 'at' {0}",
    "fr": "{1} 'à' {0}",
    "de": "{1} 'um' {0}",
    "it": "{1} 'alle ore' {0}",
    "pt": "{1} 'às' {0}",
    "nl": "{1} 'om' {0}",
}
_LONG: Final = STYLES[:2]


def language(locale: str | None) -> Language | None:
    """Return the language of a locale such as `fr`, `fr_CA` or `fr-CA`; None if nobody knows it.

    A country that is not known counts for nothing; None is English.
    """
    if locale is None:
        return BUILT_IN["en"]
    code, _, country = locale.replace("-", "_").partition("_")
    code, country = code.lower(), country.upper()
    if code in BUILT_IN and country in ("", HOMES[code]):
        return BUILT_IN[code]
    if len(locale) > _MAX_CHARS:
        return None
    return _from_cldr(f"{code}_{country}" if country else code) or _from_cldr(code)


@functools.lru_cache(maxsize=64)
def _from_cldr(tag: str) -> Language | None:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - 8 MB that few flows need

    try:
        locale = Locale.parse(tag)
    except (UnknownLocaleError, ValueError):
        return None
    months, days = locale.months["format"], locale.days["format"]
    full, long, medium, short = (_style(locale, style) for style in STYLES)
    return Language(
        _ordered(months["wide"]),
        _ordered(months["abbreviated"]),
        _ordered(days["wide"]),
        _ordered(days["abbreviated"]),
        (full, long, medium, short),
        week_starts_sunday=locale.first_week_day == _SUNDAY,
    )


def _style(locale: Any, style: str) -> str:
    join = str(locale.datetime_formats[style])
    if style in _LONG:
        join = _AT.get(locale.language, join)
    day, hour = locale.date_formats[style].pattern, locale.time_formats[style].pattern
    return join.replace("{1}", day).replace("{0}", hour)


def _ordered(names: Any) -> tuple[str, ...]:
    return tuple(str(names[number]) for number in sorted(names))
