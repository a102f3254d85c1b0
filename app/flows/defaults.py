"""Plugin defaults: property values by type, merged into the raw document before it is read.

A default applies to every map with a `type` that is, or starts with, the type of the default. Maps
are merged deeply, lists are joined (those of the default first), null overwrites nothing. What the
entry says itself wins, unless the default is forced. Of several defaults the earlier one is more
important; of several forced ones the later one (Kestra: the lowest level).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.flows.flow import PluginDefault
from app.flows.nodes import properties
from app.flows.problems import Path
from app.flows.typed import Model
from app.flows.typenames import PREFIX, Types

KEYS = ("pluginDefaults", "taskDefaults")
"""The properties of a flow that hold its own defaults; defaults are not applied inside them."""


_CONTAINERS = frozenset({dict, list})


class _Default(NamedTuple):
    """A default that can be applied."""

    names: tuple[str, ...]
    """The type, and its full name if the type is an alias or a short form."""
    forced: bool
    values: dict[str, Any]
    path: Path | None
    """Where the values stand in the document; None if they come from outside."""


class _Layer(NamedTuple):
    value: Any
    path: Path | None


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
    """
    return merge_defaults(raw, types, outside=defaults).raw


def merge_defaults(
    raw: dict[str, Any],
    types: Types | None = None,
    *,
    outside: Sequence[PluginDefault | Mapping[str, Any]] = (),
) -> Merged:
    """Return the raw flow merged with its own defaults and, less important, those from outside."""
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
    return types.task(name) or types.trigger(name) or types.condition(name)


def _full_name(name: str, types: Types | None) -> str:
    found = _class(name, types)
    if found is not None:
        return getattr(found, "type_name", "") or name
    return name if "." not in name or name.startswith(("io.", "org.")) else PREFIX + name


class _Merger:
    """Merges defaults into a tree and notes where the merged values come from."""

    def __init__(self, defaults: list[_Default], types: Types | None) -> None:
        self.origins: dict[Path, Path] = {}
        # from the least to the most important: what is merged later wins
        self._below = [default for default in reversed(defaults) if not default.forced]
        self._above = [default for default in defaults if default.forced]
        self._types = types

    def node(self, value: Any, path: Path) -> Any:
        """Return a value of the tree with the defaults of all entries inside."""
        kind = type(value)
        if kind is dict:
            if type(value.get("type")) is str:
                value = self._entry(value, path)
            return {
                key: self.node(item, (*path, key)) if type(item) in _CONTAINERS else item
                for key, item in value.items()
            }
        if kind is list:
            return [self.node(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _entry(self, entry: dict[str, Any], path: Path) -> dict[str, Any]:
        name = entry["type"]
        names = (name, _full_name(name, self._types))
        below = [default for default in self._below if _applies(default, names)]
        above = [default for default in self._above if _applies(default, names)]
        if not below and not above:
            return entry
        model = _class(name, self._types)
        layers = [_layer(default, model) for default in below]
        layers.append(_Layer(entry, path))
        layers.extend(_layer(default, model) for default in above)
        merged: dict[str, Any] = self._merge(layers, path)
        return merged

    def _merge(self, layers: list[_Layer], at: Path) -> Any:
        """Return what the layers make together; the last one wins."""
        top = layers[-1]
        kind = type(top.value)
        if len(layers) == 1 or kind not in (dict, list):
            if top.path is not None and top.path != at:
                self.origins[at] = top.path
            return top.value
        same = _same_kind(layers, kind)
        return self._merge_maps(same, at) if kind is dict else self._join(same, at)

    def _merge_maps(self, layers: list[_Layer], at: Path) -> dict[str, Any]:
        keys = dict.fromkeys(key for layer in layers for key in layer.value)
        return {key: self._merge(_inner(layers, key), (*at, key)) for key in keys}

    def _join(self, layers: list[_Layer], at: Path) -> list[Any]:
        joined: list[Any] = []
        for layer in layers:
            for index, item in enumerate(layer.value):
                path, here = layer.path, (*at, len(joined))
                if path is not None and (*path, index) != here:
                    self.origins[here] = (*path, index)
                joined.append(item)
        return joined


def _applies(default: _Default, names: tuple[str, str]) -> bool:
    return any(name.startswith(start) for name in names for start in default.names)


def _layer(default: _Default, model: type[Model] | None) -> _Layer:
    values = default.values
    if model is not None:
        known = properties(model)
        values = {key: value for key, value in values.items() if key in known}
    return _Layer(values, default.path)


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
        _Layer(layer.value[key], None if layer.path is None else (*layer.path, key))
        for layer in layers
        if key in layer.value
    ]
    return [layer for layer in inner if layer.value is not None] or inner[-1:]
