"""The documentation of one type, made of its schema and its docstring, in Kestra's form."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.flows.schema import type_schema
from app.flows.typed import Typed
from app.flows.typenames import Types

DRAFT: Final = "https://json-schema.org/draft/2019-09/schema"

_NAME = re.compile(r"`([A-Za-z_][\w.*-]*)`(?:\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\))?")
_OUTPUTS = re.compile(r"\bOutputs?:\s*(.*?)(?=\s*\bMetrics?:|\Z)", re.DOTALL)
_METRICS = re.compile(r"\bMetrics?:\s*(.*?)(?=\s*\bOutputs?:|\Z)", re.DOTALL)
_AS_OTHER = re.compile(r"\bOutputs as those of `([\w.]+)`")
_PARAGRAPH = re.compile(r"\n\s*\n")


def title_of(model: type[Typed]) -> str:
    """Return the first sentence of what a type is for."""
    text = inspect.cleandoc(model.__doc__ or "")
    first = _PARAGRAPH.split(text)[0].replace("\n", " ")
    return re.split(r"(?<=[.!?])\s", first)[0].rstrip(".")


def description_of(model: type[Typed]) -> str:
    """Return what a type is for, in Markdown."""
    return inspect.cleandoc(model.__doc__ or "")


def type_documentation(model: type[Typed], types: Types) -> dict[str, Any]:
    """Return Kestra's `{markdown, schema: {properties, outputs, definitions}}` of a type."""
    schema = type_schema(model)
    definitions: dict[str, Any] = schema["definitions"]
    properties = _described(definitions.pop(model.type_name), model)
    outputs = _section(_OUTPUTS, _speaking(model, types))
    return {
        "markdown": _markdown(model, properties, outputs),
        "schema": {
            "properties": properties,
            "outputs": {"type": "object", "properties": outputs} if outputs else {},
            "definitions": {name: _plain(each) for name, each in definitions.items()},
        },
    }


def _described(definition: dict[str, Any], model: type[Typed]) -> dict[str, Any]:
    required = set(definition.get("required", ()))
    properties = {
        name: {**_plain(each), **({"$required": True} if name in required else {})}
        for name, each in definition["properties"].items()
    }
    metrics = _section(_METRICS, description_of(model))
    return {
        "$schema": DRAFT,
        "type": "object",
        "title": title_of(model),
        "description": description_of(model),
        "properties": properties,
        "required": sorted(required),
        "$metrics": [
            {"name": name, "description": each.get("description", "")}
            for name, each in metrics.items()
        ],
        **({"$deprecated": True} if model.deprecated else {}),
    }


def _plain(schema: Any) -> Any:
    """Return a schema that does not repeat that everything may be null."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(each) for name, each in schema.items()}
    if isinstance(plain.get("anyOf"), list):
        rest = [each for each in plain["anyOf"] if each != {"type": "null"}]
        if len(rest) == 1 and isinstance(rest[0], dict):
            del plain["anyOf"]
            return {**rest[0], **plain}
        plain["anyOf"] = rest
    return plain


def _speaking(model: type[Typed], types: Types) -> str:
    """Return the text that tells the outputs of a type: its own, or that of another one."""
    text = description_of(model)
    other = _AS_OTHER.search(text)
    if other is None:
        return text
    package = model.type_name.rpartition(".")[0]
    for name in (other[1], f"{package}.{other[1]}", f"io.kestra.plugin.{other[1]}"):
        found = types.task(name)
        if found is not None and found is not model:
            return description_of(found)
    return text


def _section(pattern: re.Pattern[str], text: str) -> dict[str, dict[str, Any]]:
    """Return the names that a part of a docstring lists, each with what it says of it."""
    found = pattern.search(text)
    if found is None:
        return {}
    listed = _PARAGRAPH.split(found[1])[0].replace("\n", " ")
    return {name: {"description": said} if said else {} for name, said in _NAME.findall(listed)}


def _markdown(model: type[Typed], properties: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    return "\n".join(_lines(model, properties, outputs))


def _lines(
    model: type[Typed], properties: Mapping[str, Any], outputs: Mapping[str, Any]
) -> Iterator[str]:
    yield f"# {model.type_name.rpartition('.')[2]}\n"
    if model.deprecated:
        yield f"> Deprecated: {model.deprecated}\n"
    yield f"{description_of(model)}\n"
    yield f'```yaml\ntype: "{model.type_name}"\n```\n'
    yield "## Properties\n"
    for name, each in properties["properties"].items():
        marks = [str(each.get("type", ""))]
        marks += ["required"] * ("$required" in each) + ["dynamic"] * bool(each.get("$dynamic"))
        shown = ", ".join(mark for mark in marks if mark)
        yield f"* `{name}` ({shown}): {each.get('markdownDescription', '')}".replace("\n\n", " ")
    if outputs:
        yield "\n## Outputs\n"
        for name, each in outputs.items():
            yield f"* `{name}`: {each.get('description', '')}"
