"""The registered types as Kestra lists plugins: by group, and by package inside a group."""

from collections.abc import Iterator
from typing import Any

from app import __version__
from app.flows.schema_docs import title_of
from app.flows.typed import Typed
from app.flows.typenames import Types

_KINDS = ("tasks", "triggers", "conditions", "taskRunners")
_EMPTY = (
    "controllers", "storages", "secrets", "guides", "apps", "appBlocks", "charts", "dataFilters",
    "dataFiltersKPI", "logExporters", "additionalPlugins",
)  # fmt: skip
_PARTS = 4
"""Parts of a type's name that name its plugin: `io.kestra.plugin.core`."""


def groups(types: Types) -> list[dict[str, Any]]:
    """Return every plugin with its types, in order of name."""
    return [_plugin(name, found) for name, found in sorted(_by_prefix(types, 0).items())]


def subgroups(types: Types) -> list[dict[str, Any]]:
    """Return every package of types as a plugin of its own."""
    return [
        {**_plugin(_group(name), found), "subGroup": name, "title": name.rpartition(".")[2]}
        for name, found in sorted(_by_prefix(types, 1).items())
    ]


_Found = dict[str, list[type[Typed]]]


def _by_prefix(types: Types, more: int) -> dict[str, _Found]:
    result: dict[str, _Found] = {}
    for kind, model in _every(types):
        *package, _ = model.type_name.split(".")
        name = ".".join(package[: _PARTS + more])
        result.setdefault(name, {}).setdefault(kind, []).append(model)
    return result


def _every(types: Types) -> Iterator[tuple[str, type[Typed]]]:
    look_ups: Any = (types.task, types.trigger, types.condition, types.runner)
    for name in types.names():
        for kind, look_up in zip(_KINDS, look_ups, strict=True):
            model = look_up(name)
            if model is not None and "$" not in name:  # parts of other types are not for people
                yield kind, model


def _group(package: str) -> str:
    return ".".join(package.split(".")[:_PARTS])


def _plugin(group: str, found: _Found) -> dict[str, Any]:
    name = group.rpartition(".")[2]
    every = [model for models in found.values() for model in models]
    return {
        "name": name,
        "title": name.capitalize(),
        "description": f"The types of {group}.",
        "license": "Apache-2.0",
        "group": group,
        "version": __version__,
        "manifest": {"X-Kestra-Group": group, "X-Kestra-Title": name},
        **{kind: [_entry(model) for model in found.get(kind, ())] for kind in _KINDS},
        **{kind: [] for kind in _EMPTY},
        "aliases": sorted(alias for model in every for alias in model.aliases),
        "categories": ["CORE" if name == "core" else "SCRIPT" if name == "scripts" else "OTHER"],
    }


def _entry(model: type[Typed]) -> dict[str, Any]:
    return {
        "cls": model.type_name,
        "deprecated": bool(model.deprecated),
        "title": title_of(model),
    }
