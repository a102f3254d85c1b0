"""The parts of a raw document, found by the models: a walk that works on invalid documents too.

A node is a map together with the model it is read as. The way down is compiled once for each model
from its annotations, so that children are found in whatever property a task type keeps them.
"""

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from app.flows.problems import Path
from app.flows.typed import OUTDATED, TYPES, ByType, Model, names
from app.flows.typenames import Types


class Node(NamedTuple):
    """A map of the document and the model it is read as."""

    path: Path
    raw: dict[str, Any]
    model: type[Model]


Finder = Callable[[Any, Path, Types], Iterator[Node]]
"""Yields the nodes inside a raw value."""


def walk(raw: dict[str, Any], model: type[Model], known: Types, path: Path = ()) -> Iterator[Node]:
    """Yield the node of a raw map and all nodes inside it, from the outside in."""
    yield Node(path, raw, model)
    for name, find in _inside(model):
        if name in raw:
            yield from find(raw[name], (*path, name), known)


def is_named(value: Any) -> bool:
    """Whether a raw value is a map that names its type."""
    return isinstance(value, dict) and isinstance(value.get("type"), str)


@functools.cache
def properties(model: type[Model]) -> Mapping[str, FieldInfo]:
    """Return the fields of a model by every name that a document may use for them."""
    return types.MappingProxyType(
        {name: field for field in model.model_fields.values() for name in names(field)}
    )


def takes(model: type[Model], name: str) -> bool:
    """Whether a document may set a property of this name."""
    return name in properties(model) or model.model_config.get("extra") == "allow"


@functools.cache
def outdated_properties(model: type[Model]) -> Mapping[str, str]:
    """Return the properties of a model that should no longer be used, each with what to do."""
    reasons = {}
    for name, field in properties(model).items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and OUTDATED in extra:
            reasons[name] = str(extra[OUTDATED])
        elif isinstance(field.deprecated, str):
            reasons[name] = field.deprecated
    return types.MappingProxyType(reasons)


@functools.cache
def _inside(model: type[Model]) -> tuple[tuple[str, Finder], ...]:
    """Return the properties of a model that may hold nodes, each with what finds them."""
    found = []
    for name, field in properties(model).items():
        annotation: Any = field.annotation
        if field.metadata:
            annotation = Annotated[(annotation, *field.metadata)]
        find = _finder(annotation)
        if find is not None:
            found.append((name, find))
    return tuple(found)


def _finder(annotation: Any) -> Finder | None:
    origin = get_origin(annotation)
    if origin is Annotated:
        marker = next((m for m in annotation.__metadata__ if isinstance(m, ByType)), None)
        return _entry(marker) if marker is not None else _finder(annotation.__origin__)
    if origin in (Union, types.UnionType):
        return _union(get_args(annotation))
    if origin is list:
        return _items(_finder(get_args(annotation)[0]))
    if origin is dict:
        return _values(_finder(get_args(annotation)[1]))
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return _nested(annotation)
    return None


def _entry(marker: ByType) -> Finder:
    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        if is_named(raw):
            model = marker.find(raw["type"], {TYPES: known})
            if model is not None:
                yield from walk(raw, model, known, path)

    return find


def _nested(model: type[Model]) -> Finder:
    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        if isinstance(raw, dict):
            yield from walk(raw, model, known, path)

    return find


def _items(inner: Finder | None) -> Finder | None:
    if inner is None:
        return None

    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        if isinstance(raw, list):
            for index, item in enumerate(raw):
                yield from inner(item, (*path, index), known)
        elif is_named(raw):  # a single entry where a list of one may stand
            yield from inner(raw, path, known)

    return find


def _values(inner: Finder | None) -> Finder | None:
    if inner is None:
        return None

    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        if isinstance(raw, dict):
            for key, item in raw.items():
                yield from inner(item, (*path, key), known)

    return find


def _union(options: tuple[Any, ...]) -> Finder | None:
    """Return what finds nodes in one of several forms; models are told apart by their `type`."""
    models = [o for o in options if isinstance(o, type) and issubclass(o, Model)]
    if len(models) > 1:
        return _choice(models)
    finders = [find for find in map(_finder, options) if find is not None]
    if not finders:
        return None

    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        for inner in finders:  # at most one of them takes the form that is there
            yield from inner(raw, path, known)

    return find


def _choice(models: list[type[Model]]) -> Finder:
    by_type = {
        name: model
        for model in models
        if get_origin(model.model_fields["type"].annotation) is Literal
        for name in get_args(model.model_fields["type"].annotation)
    }

    def find(raw: Any, path: Path, known: Types) -> Iterator[Node]:
        if is_named(raw) and raw["type"] in by_type:
            yield from walk(raw, by_type[raw["type"]], known, path)

    return find
