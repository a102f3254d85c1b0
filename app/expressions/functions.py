"""Functions that need nothing from outside: numbers, time, identifiers, reading of formats."""

import secrets
import uuid as uuids
from typing import Any, Final

import orjson

from app.errors import ExpressionError
from app.expressions.arguments import boolean_argument, text_argument, whole_argument
from app.expressions.evaluation import Evaluation
from app.expressions.filters_dates import formatted
from app.expressions.ion_reading import read_ion
from app.expressions.operators import greater, less, span
from app.expressions.registry import declare_function
from app.expressions.yaml_reading import read_yaml

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MAX_NANO_ID = 1_000
_KSUID_EPOCH = 1_400_000_000
_KSUID_CHARS = 27


@declare_function("max", variadic=True)
def maximum(*values: Any) -> Any:
    """The largest of its arguments; nulls do not count."""
    best = None
    for value in values:
        if best is None or greater(value, best):
            best = value
    return best


@declare_function("min", variadic=True)
def minimum(*values: Any) -> Any:
    """The smallest of its arguments; nulls do not count."""
    best = None
    for value in values:
        if best is None or less(value, best):
            best = value
    return best


@declare_function("range", "start", "end", "increment")
def range_(evaluation: Evaluation, start: Any, end: Any, increment: Any = 1) -> list[Any]:
    """The list from `start` to `end`, both included: numbers, or one-character texts."""
    step = 1 if increment is None else increment
    return span(start, end, step, evaluation.meter)


@declare_function("now", "format", "timeZone", "existingFormat", "locale")
def now(
    evaluation: Evaluation,
    form: Any = None,
    time_zone: Any = None,
    _existing_format: Any = None,
    locale: Any = None,
) -> str:
    """The time now as text, in a format of the filter `date`."""
    moment = evaluation.environment.clock()
    return formatted(evaluation, moment, form, time_zone, None, locale)


@declare_function("uuid")
def uuid() -> str:
    """A random UUID."""
    return str(uuids.uuid4())


@declare_function("id")
def identifier() -> str:
    """A random identifier of 22 letters and digits, as executions have."""
    return _base62(uuids.uuid4().int, 22)


@declare_function("nanoId", "length", "alphabet")
def nano_id(length: Any = 21, alphabet: Any = f"{_BASE62}-_") -> str:
    """A random text of `length` characters (at most 1000) out of `alphabet`."""
    count = whole_argument("nanoId", "length", length)
    letters = text_argument("nanoId", "alphabet", alphabet)
    if not 0 <= count <= _MAX_NANO_ID or not letters:
        message = f"'nanoId' makes 0 to {_MAX_NANO_ID} characters of an alphabet that is not empty"
        raise ExpressionError(message)
    return "".join(secrets.choice(letters) for _ in range(count))


@declare_function("ksuid")
def ksuid(evaluation: Evaluation) -> str:
    """A KSUID: 27 letters and digits that sort by time."""
    seconds = int(evaluation.environment.clock().timestamp()) - _KSUID_EPOCH
    number = (max(0, seconds) % 2**32 << 128) | secrets.randbits(128)
    return _base62(number, _KSUID_CHARS)


@declare_function("randomInt", "lower", "upper")
def random_int(lower: Any, upper: Any) -> int:
    """A random whole number from `lower` up to but without `upper`; both equal gives that one."""
    low = whole_argument("randomInt", "lower", lower)
    high = whole_argument("randomInt", "upper", upper)
    if high < low:
        message = "'randomInt' needs an 'upper' that is not less than 'lower'"
        raise ExpressionError(message)
    return low + secrets.randbelow(high - low) if high > low else low


@declare_function("fromJson", "json", aliases=("json",))
def from_json(evaluation: Evaluation, json: Any) -> Any:
    """The value of a JSON text; null gives null."""
    if json is None:
        return None
    text = text_argument("fromJson", "json", json)
    evaluation.meter.grow(len(text))
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeError) as error:
        message = f"cannot read the JSON text: {error}"
        raise ExpressionError(message) from error


@declare_function("yaml", "yaml")
def from_yaml(evaluation: Evaluation, yaml: Any) -> Any:
    """The value of a YAML text; dates stay texts; null gives null."""
    if yaml is None:
        return None
    return read_yaml(text_argument("yaml", "yaml", yaml), evaluation.meter)


@declare_function("fromIon", "ion", "allRows")
def from_ion(evaluation: Evaluation, ion: Any, all_rows: Any = False) -> Any:
    """The first value of an Ion text, or with `allRows=true` all of them; null gives null."""
    if ion is None:
        return None
    rows = read_ion(text_argument("fromIon", "ion", ion), evaluation.meter)
    if boolean_argument("fromIon", "allRows", all_rows):
        return list(rows)
    return next(rows, None)


@declare_function("env", "name", "default")
def env(evaluation: Evaluation, name: Any, default: Any = None) -> Any:
    """A variable of the server's environment (`envs`), or `default` when absent or empty."""
    envs = evaluation.context.get("envs")
    value = envs.get(text_argument("env", "name", name)) if isinstance(envs, dict) else None
    return default if value in (None, "") else value


@declare_function("printContext", aliases=("fetchContext",))
def print_context(evaluation: Evaluation) -> dict[str, Any]:
    """All variables of the context as a map; what the template has set too."""
    return dict(evaluation.variables())


def _base62(number: int, length: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(length, "0")
