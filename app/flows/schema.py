"""JSON Schema (draft 7) of flows, from the models and the registered types, for editors.

Conventions of Kestra's schemas are kept: each task, trigger and condition type is a definition
under its full name whose `type` is a const; properties carry `$dynamic`, what should no longer be
used carries `$deprecated`, and descriptions are Markdown with the default at the end.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from app.flows.conditions import Condition
from app.flows.declarations import INPUT_TYPES, Input
from app.flows.flow import Flow
from app.flows.runners import TaskRunner
from app.flows.tasks import Task
from app.flows.triggers import Trigger
from app.flows.typed import ENTRY, OUTDATED, Model, Typed
from app.flows.typenames import Types

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_KINDS: Final[Mapping[str, type[Model]]] = {
    "task": Task,
    "trigger": Trigger,
    "condition": Condition,
    "runner": TaskRunner,
    "input": Input,
}
DISCRIMINATOR: Final = "discriminator"
_REF: Final = "#/definitions/"


def flow_schema(types: Types) -> dict[str, Any]:
    """Return the schema of a flow document."""
    schema = _definitions([Flow, *_registered(types), *dict.fromkeys(INPUT_TYPES.values())])
    return {"$schema": DRAFT, "$ref": f"{_REF}flow", "definitions": schema}


def type_schema(model: type[Typed]) -> dict[str, Any]:
    """Return the schema of one task, trigger or condition type, with what it refers to.

    Entries inside it are not looked into: any map with a type is accepted for them.
    """
    definitions = _definitions([model])
    for kind in _KINDS:
        definitions.setdefault(kind, {"type": "object", "required": ["type"]})
    return {"$schema": DRAFT, "$ref": f"{_REF}{_name(model)}", "definitions": definitions}


def input_schema(model: type[Input]) -> dict[str, Any]:
    """Return the schema of one type of inputs, with what it refers to."""
    definitions = _definitions([model])
    definitions.setdefault("input", {"type": "object", "required": ["type"]})
    return {"$schema": DRAFT, "$ref": f"{_REF}{_name(model)}", "definitions": definitions}


def _registered(types: Types) -> list[type[Model]]:
    found: dict[type[Model], None] = {}
    for name in types.names():
        for look_up in (types.task, types.trigger, types.condition, types.runner):
            model = look_up(name)
            if model is not None:
                found[model] = None
    return list(found)


def _name(model: type[Model]) -> str:
    """Return the name of the definition of a model."""
    if model is Flow:
        return "flow"
    type_name = getattr(model, "type_name", "")
    return type_name or model.__name__


def _definitions(models: Iterable[type[Model]]) -> dict[str, Any]:
    """Return the definitions of models, and of the kinds of entries they are."""
    models = list(models)
    keyed: Any
    keyed, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_REF}{{model}}"
    )
    names = {ref["$ref"]: f"{_REF}{_name(model)}" for (model, _), ref in keyed.items()}
    definitions: dict[str, Any] = {}
    for key, definition in schema["$defs"].items():
        name = names.get(f"{_REF}{key}", f"{_REF}{key}").removeprefix(_REF)
        definitions[name] = _rewritten(definition, names)
    for model in models:
        _mark_type(definitions[_name(model)], model)
    definitions.update(_kinds(models))
    return definitions


def _kinds(models: list[type[Model]]) -> dict[str, Any]:
    kinds = {}
    for kind, parent in _KINDS.items():
        members = [model for model in models if issubclass(model, parent)]
        if members:
            kinds[kind] = {"oneOf": [{"$ref": f"{_REF}{_name(model)}"} for model in members]}
    return kinds


def _mark_type(definition: dict[str, Any], model: type[Model]) -> None:
    """Say which `type` a definition is for, and whether it should no longer be used."""
    written = definition["properties"].get("type", {})
    if issubclass(model, Typed):
        written["const"] = model.type_name
        definition["title"] = model.type_name
    elif issubclass(model, Input):
        written["enum"] = [name for name, each in INPUT_TYPES.items() if each is model]
    if model.deprecated:
        definition["$deprecated"] = True
        definition["deprecated"] = True


def _rewritten(value: Any, names: Mapping[str, str]) -> Any:
    """Return a schema with our references and marks."""
    if isinstance(value, list):
        return [_rewritten(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if ENTRY in value:
        return {"$ref": f"{_REF}{value[ENTRY]}"}
    # OpenAPI's `discriminator` means nothing in JSON Schema
    schema = {key: _rewritten(item, names) for key, item in value.items() if key != DISCRIMINATOR}
    if isinstance(schema.get("$ref"), str):
        schema["$ref"] = names.get(schema["$ref"], schema["$ref"])
    if isinstance(value.get("properties"), dict) and value.get("type") == "object":
        schema["properties"] = {
            name: _property(each) for name, each in schema["properties"].items()
        }
    return schema


def _property(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a property: marked, described, and without noise."""
    marked = {key: item for key, item in schema.items() if key not in ("title", OUTDATED)}
    marked["$dynamic"] = _is_dynamic(schema)
    description = schema.get("description", "")
    if OUTDATED in schema:
        marked[OUTDATED] = marked["deprecated"] = True
        description += f" Deprecated: {schema[OUTDATED]}."
    if marked.get("default", 0) is None:
        del marked["default"]
    if "default" in marked:
        description += f"\n\nDefault value is : `{json.dumps(marked['default'])}`"
    if description:
        marked["markdownDescription"] = description
    return marked


def _is_dynamic(schema: Mapping[str, Any]) -> bool:
    options = schema.get("anyOf", ())
    return bool(schema.get("$dynamic")) or any(option.get("$dynamic") for option in options)
