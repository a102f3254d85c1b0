"""Plugin defaults: property values by type, merged into the raw document before it is read.

A default applies to every map with a `type` that is, or starts with, the type of the default. Maps
are merged deeply, lists are joined (those of the default first), null overwrites nothing. What the
entry says itself wins, unless the default is forced. Of several defaults the earlier one is more
important; of several forced ones the later one (Kestra: the lowest level).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.flows.flow import PluginDefault
from app.flows.nodes import takes
from app.flows.problems import Path
from app.flows.typed import Model
from app.flows.typenames import PREFIX, Types
from app.flows.yaml import YamlError

KEYS: Final = ("pluginDefaults", "taskDefaults")
"""The properties of a flow that hold its own defaults; defaults are not applied inside them."""


MAX_DEPTH: Final = 240
"""How deep a merged document may be nested, twice that of one that is read."""

MAX_BROUGHT: Final = 10_000
"""How many lists and maps defaults may bring into a document."""

_CONTAINERS: Final = frozenset({dict, list})


class _Default(NamedTuple):
    """A default that can be applied."""

    names: tuple[str, ...]
    """The type, and its full name if the type is an alias or a short form."""
    forced: bool
    values: dict[str, Any]
    path: Path | None
    """Where the values stand in the document; None if they come from outside."""


class _Layer(NamedTuple):
    """What one source says of a value."""

    value: Any
    path: Path | None
    default: _Default | None
    """The default it comes from; None for the document itself."""


_OWN: Final = _Layer(None, None, None)
"""Stands where the entry itself belongs among the layers of its type."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A document with its defaults."""

    raw: dict[str, Any]
    origins: dict[Path, Path]
    """Path of a merged value to where it stands in the document, for values that moved."""

    def origin(self, path: Path) -> Path:
        """Return where the value at a path of the merged document stands in the source."""
        for length in range(len(path), 0, -1):
            found = self.origins.get(path[:length])
            if found is not None:
                return found + path[length:]
        return path


def apply_plugin_defaults(
    raw: dict[str, Any],
    defaults: Sequence[PluginDefault | Mapping[str, Any]],
    types: Types | None = None,
) -> dict[str, Any]:
    """Return the raw flow with defaults merged in, most important default first.

    With `types`, aliases and short forms are seen as the types they mean, and a value that a known
    type has no property for is left out.

    Raises:
        YamlError: the defaults make the flow too large.
    """
    return merge_defaults(raw, types, outside=defaults).raw


def merge_defaults(
    raw: dict[str, Any],
    types: Types | None = None,
    *,
    outside: Sequence[PluginDefault | Mapping[str, Any]] = (),
) -> Merged:
    """Return the raw flow merged with its own defaults and, less important, those from outside.

    Raises:
        YamlError: the defaults make the flow too large.
    """
    usable = [*_own_defaults(raw, types)]
    for default in outside:
        written = default if isinstance(default, Mapping) else default.model_dump()
        usable.extend(_usable(written, None, types))
    if not usable:
        return Merged(raw, {})
    merger = _Merger(usable, types)
    merged = {
        key: value if key in KEYS else merger.node(value, (key,)) for key, value in raw.items()
    }
    return Merged(merged, merger.origins)


def _own_defaults(raw: dict[str, Any], types: Types | None) -> Iterable[_Default]:
    for key in KEYS:
        defaults = raw.get(key)
        if isinstance(defaults, list):
            for index, default in enumerate(defaults):
                yield from _usable(default, (key, index, "values"), types)


def _usable(default: Any, path: Path | None, types: Types | None) -> Iterable[_Default]:
    """Yield the default if it is well-formed; if it is not, reading the flow will say so."""
    if not isinstance(default, Mapping):
        return
    name, values = default.get("type"), default.get("values")
    if isinstance(name, str) and name and isinstance(values, dict):
        full = _full_name(name, types)
        yield _Default((name, full), default.get("forced") is True, values, path)


def _class(name: str, types: Types | None) -> type[Model] | None:
    if types is None:
        return None
    return types.task(name) or types.trigger(name) or types.condition(name) or types.runner(name)


def _full_name(name: str, types: Types | None) -> str:
    found = _class(name, types)
    if found is not None:
        return getattr(found, "type_name", "") or name
    return name if "." not in name or name.startswith(("io.", "org.")) else PREFIX + name


class _Merger:
    """Merges defaults into a tree and notes where the merged values come from.

    A default is not applied to what it brought itself: it would never end.
    """

    def __init__(self, defaults: list[_Default], types: Types | None) -> None:
        self.origins: dict[Path, Path] = {}
        self._types = types
        # from the least to the most important: what is merged later wins
        below = [default for default in reversed(defaults) if not default.forced]
        self._ordered = below + [default for default in defaults if default.forced]
        self._starts: dict[str, list[int]] = {}
        for number, default in enumerate(self._ordered):
            for start in set(default.names):
                self._starts.setdefault(start, []).append(number)
        self._lengths = sorted({len(start) for start in self._starts})
        self._matching: dict[str, list[_Layer]] = {}
        self._brought: dict[int, tuple[Any, frozenset[int]]] = {}
        """By id of a list or map: itself, to keep it alive, and the defaults it was made of."""
        self._size = 0

    def node(self, value: Any, path: Path, done: frozenset[int] = frozenset()) -> Any:
        """Return a value of the tree with the defaults of all entries inside."""
        kind = type(value)
        if kind not in _CONTAINERS:
            return value
        if id(value) in self._brought:
            done |= self._brought[id(value)][1]
        self._size += 1 if done else 0
        if self._size > MAX_BROUGHT or len(path) > MAX_DEPTH:
            raise YamlError("TOO_LARGE", "The plugin defaults make the flow too large")
        if kind is list:
            return [self.node(item, (*path, index), done) for index, item in enumerate(value)]
        if type(value.get("type")) is str:
            value = self._entry(value, path, done)
        return {
            key: self.node(item, (*path, key), done) if type(item) in _CONTAINERS else item
            for key, item in value.items()
        }

    def _entry(self, entry: dict[str, Any], path: Path, done: frozenset[int]) -> dict[str, Any]:
        matching = self._matches(entry["type"])
        if not matching:
            return entry
        layers = [each for each in matching if each.default is None or id(each.default) not in done]
        own = layers.index(_OWN)
        layers[own] = _Layer(entry, path, None)
        merged: dict[str, Any] = self._merge(layers, path)
        return merged

    def _matches(self, name: str) -> list[_Layer]:
        """Return the layers for a type, from the least to the most important; empty if none."""
        found = self._matching.get(name)
        if found is None:
            numbers: set[int] = set()
            for spelling in {name, _full_name(name, self._types)}:
                for length in self._lengths:
                    numbers.update(self._starts.get(spelling[:length], ()))
            model = _class(name, self._types)
            defaults = [self._ordered[number] for number in sorted(numbers)]
            below = [_layer(each, model) for each in defaults if not each.forced]
            above = [_layer(each, model) for each in defaults if each.forced]
            found = self._matching[name] = [*below, _OWN, *above] if defaults else []
        return found

    def _merge(self, layers: list[_Layer], at: Path) -> Any:
        """Return what the layers make together; the last one wins."""
        top = layers[-1]
        kind = type(top.value)
        if len(layers) == 1 or kind not in _CONTAINERS:
            if top.path is not None and top.path != at:
                self.origins[at] = top.path
            return self._note(top.value, [top])
        same = _same_kind(layers, kind)
        merged = self._merge_maps(same, at) if kind is dict else self._join(same, at)
        return self._note(merged, same)

    def _note(self, value: Any, layers: list[_Layer]) -> Any:
        """Remember that a list or map was made of defaults alone, if it was."""
        brought = [layer.default for layer in layers if layer.default is not None]
        if len(brought) == len(layers) and type(value) in _CONTAINERS:
            self._brought[id(value)] = (value, frozenset(map(id, brought)))
        return value

    def _merge_maps(self, layers: list[_Layer], at: Path) -> dict[str, Any]:
        by_key: dict[str, list[_Layer]] = {}
        for layer in layers:
            for key in layer.value:
                by_key.setdefault(key, []).append(layer)
        merged = {}
        for key, holders in by_key.items():
            only = holders[0] if len(holders) == 1 else None
            if only is not None and only.default is None and only.path == at:
                merged[key] = only.value[key]  # most properties: only the entry has them
            else:
                merged[key] = self._merge(_inner(holders, key), (*at, key))
        return merged

    def _join(self, layers: list[_Layer], at: Path) -> list[Any]:
        joined: list[Any] = []
        for layer in layers:
            for index, item in enumerate(layer.value):
                path, here = layer.path, (*at, len(joined))
                if path is not None and (*path, index) != here:
                    self.origins[here] = (*path, index)
                joined.append(self._note(item, [layer]))
        return joined


def _layer(default: _Default, model: type[Model] | None) -> _Layer:
    values = default.values
    if model is not None:
        values = {key: value for key, value in values.items() if takes(model, key)}
    return _Layer(values, default.path, default)


def _same_kind(layers: list[_Layer], kind: type) -> list[_Layer]:
    """Return the upper layers down to the first that is of another kind: it hides what is below."""
    upper: list[_Layer] = []
    for layer in reversed(layers):
        if type(layer.value) is not kind:
            break
        upper.append(layer)
    return upper[::-1]


def _inner(layers: list[_Layer], key: str) -> list[_Layer]:
    """Return the layers of one property; null only counts if there is nothing else."""
    inner = [
        _Layer(layer.value[key], None if layer.path is None else (*layer.path, key), layer.default)
        for layer in layers
    ]
    if len(inner) == 1:
        return inner
    return [layer for layer in inner if layer.value is not None] or inner[-1:]
