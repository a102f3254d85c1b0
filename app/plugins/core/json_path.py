"""A small part of JSONPath: names, indices and wildcards (`$.choices[0].delta.content`)."""

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(r"""\.(\*|[^.\[\]'"\s]+)|\[(\*|-?\d+|'[^']*'|"[^"]*")\]""")


def steps_of(path: str) -> list[str | int]:
    """Return the steps of a path; `*` stands for all.

    Raises:
        ValueError: when it is no such path.
    """
    text = path.strip().removeprefix("$")
    text = text if text.startswith((".", "[")) or not text else f".{text}"
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            message = f"{path!r} is no path such as $.choices[0].text"
            raise ValueError(message)
        steps.append(_step(found[1] or found[2]))
        at = found.end()
    return steps


def _step(text: str) -> str | int:
    if text[0] in "'\"":
        return text[1:-1]
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def values_at(value: Any, steps: list[str | int]) -> Iterator[Any]:
    """Yield what lies at the end of the steps."""
    if not steps:
        yield value
        return
    step, *rest = steps
    for item in _below(value, step):
        yield from values_at(item, rest)


def _below(value: Any, step: str | int) -> list[Any]:
    if isinstance(value, dict):
        if step == "*":
            return list(value.values())
        return [value[str(step)]] if str(step) in value else []
    if isinstance(value, list):
        if step == "*":
            return value
        if isinstance(step, int) and -len(value) <= step < len(value):
            return [value[step]]
    return []
