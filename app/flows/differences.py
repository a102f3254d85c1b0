"""What two revisions of a flow differ in by their meaning, not by their text. Pure.

Entries of lists are matched by their `id` (tasks, triggers, inputs, outputs), so that a task which
moves is one difference and not two.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from app.flows.parse import parse_document
from app.flows.problems import printable
from app.flows.values import is_template
from app.flows.yaml import YamlError

MASK: Final = "******"
_BITS: Final = 63
"""Larger integers are more than most readers of JSON take."""

_MOST: Final = 200
"""More differences than this are not listed."""

_SECRET_NAME: Final = re.compile(
    r"(?i)(?:password|passwd|passphrase|secret|token|credential|api_?key|private_?key|access_?key)"
)
_UNNAMED: Final = object()


class Difference(NamedTuple):
    """One value that differs. `path`: as `tasks[load].retry.interval`, ids in brackets."""

    path: str
    kind: Literal["added", "changed", "removed", "moved"]
    before: Any = None
    after: Any = None


def documents(old: str | bytes | None, new: str | bytes | None) -> tuple[Any, Any]:
    """Return the two raw documents; None for one that is not there or cannot be read."""
    return _document(old), _document(new)


def same(old: str | bytes, new: str | bytes) -> bool:
    """Whether two texts are the same document; False where one of them cannot be read."""
    before, after = documents(old, new)
    return before is not None and _equal(before, after)


def differences(old: Any, new: Any) -> list[Difference]:
    """Return what two raw documents differ in, in the order of the new one; at most 200."""
    found: list[Difference] = []
    for each in _compare(old, new, ""):
        if len(found) == _MOST:
            break
        found.append(each)
    return found


def _document(source: str | bytes | None) -> Any:
    if source is None:
        return None
    try:
        return parse_document(source)
    except YamlError:
        return None


def _equal(old: Any, new: Any) -> bool:
    """Whether two values are the same and of the same type: `1` is neither `true` nor `1.0`."""
    if isinstance(old, dict) and isinstance(new, dict):
        # The order of keys means something only where each key is an entry, as in `variables`.
        return old.keys() == new.keys() and all(_equal(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_equal, old, new))
    return type(old) is type(new) and bool(old == new)


def _compare(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _maps(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    elif not _equal(old, new):
        yield _difference(path, "changed", old, new)


def _maps(old: Mapping[Any, Any], new: Mapping[Any, Any], path: str) -> Iterator[Difference]:
    secret = _is_secret_input(old) or _is_secret_input(new)
    for key in [*new, *(key for key in old if key not in new)]:
        inside = f"{path}.{key}" if path else str(key)
        if key in old and key in new:
            below = _compare(old[key], new[key], inside)
        else:
            kind: Literal["added", "removed"] = "added" if key in new else "removed"
            below = iter([_difference(inside, kind, old.get(key), new.get(key))])
        for each in below:
            yield _masked(each) if secret and key in ("defaults", "prefill") else each


def _lists(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Difference]:
    before, after = _by_id(old), _by_id(new)
    if before is None or after is None:
        if not _equal(list(old), list(new)):
            yield from _by_place(old, new, path)
        return
    for name, item in after.items():
        inside = f"{path}[{name}]"
        if name in before:
            yield from _compare(before[name], item, inside)
        else:
            yield _difference(inside, "added", None, item)
    for name, item in before.items():
        if name not in after:
            yield _difference(f"{path}[{name}]", "removed", item, None)
    yield from _moved(list(before), list(after), path)


def _by_id(items: Sequence[Any]) -> dict[str, Any] | None:
    """Return the entries by id; None where they have none, or not each one of its own."""
    names = [_name(item) for item in items]
    if _UNNAMED in names or len(set(names)) != len(names):
        return None
    return dict(zip(map(str, names), items, strict=True))


def _name(item: Any) -> Any:
    if not isinstance(item, dict):
        return _UNNAMED
    name = item.get("id", item.get("name", item.get("key")))
    if name is None and isinstance(item.get("task"), dict):
        name = item["task"].get("id")  # an entry of a Dag
    return name if isinstance(name, str) else _UNNAMED


def _by_place(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Difference]:
    if len(old) != len(new) or not all(isinstance(each, dict) for each in (*old, *new)):
        yield _difference(path, "changed", list(old), list(new))
        return
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        yield from _compare(before, after, f"{path}[{index}]")


def _moved(before: list[str], after: list[str], path: str) -> Iterator[Difference]:
    """Yield the new order of the entries that both have, if it is another one."""
    old = [name for name in before if name in after]
    new = [name for name in after if name in before]
    if old != new:
        yield Difference(path, "moved", old, new)


def _difference(
    path: str, kind: Literal["added", "changed", "removed"], before: Any, after: Any
) -> Difference:
    name = path.rpartition(".")[2].partition("[")[0]
    return Difference(printable(path), kind, safe(before, name), safe(after, name))


def safe(value: Any, name: str = "") -> Any:
    """Return a value as it may be shown and sent.

    What looks like a secret is masked (templates are none); what JSON cannot hold becomes a text.
    """
    if isinstance(value, dict):
        hidden = ("defaults", "prefill") if _is_secret_input(value) else ()
        return {
            str(key): MASK if key in hidden and item else safe(item, str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [safe(item, name) for item in value]
    if isinstance(value, str) and value and not is_template(value) and _SECRET_NAME.search(name):
        return MASK
    return str(value) if isinstance(value, int) and value.bit_length() > _BITS else value


def _is_secret_input(value: Any) -> bool:
    return isinstance(value, dict) and "SECRET" in (value.get("type"), value.get("itemType"))


def _masked(each: Difference) -> Difference:
    return each._replace(
        before=MASK if each.before else each.before, after=MASK if each.after else each.after
    )
