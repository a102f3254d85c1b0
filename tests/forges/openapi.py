"""GitHub's published API description: requests and answers are held to it."""

import functools
import os
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import orjson
import pytest

from scripts.github_material import MaterialError, folder

_REF = "#/components/schemas/"
_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "uri": "https://github.example/x",
    "email": "octo@example.org",
}
_DEEPEST = 12


@functools.cache
def material(name: str) -> Any:
    """Read a file of the material; without npm the test is skipped, except in CI."""
    try:
        return orjson.loads((folder() / name).read_bytes())
    except MaterialError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


class Description:
    """What a request must look like, and what it is answered."""

    def __init__(self) -> None:
        self._document = material("openapi.json")
        self._validators: dict[str, Any] = {}

    def operation(self, route: str) -> Mapping[str, Any]:
        """Return the operation of a route such as `GET /repos/{owner}/{repo}`."""
        method, _, path = route.partition(" ")
        found: Mapping[str, Any] = self._document["paths"][path][method.lower()]
        return found

    def problems_of_request(self, route: str, query: Mapping[str, str], body: Any) -> list[str]:
        """Return what is wrong with a request: unknown parameters and fields count, too."""
        operation = self.operation(route)
        named = (self._resolved(each) for each in operation.get("parameters", ()))
        known = {each["name"] for each in named if each["in"] == "query"}
        problems = [f"query parameter {name} is not known" for name in query if name not in known]
        schema = self._content(operation.get("requestBody", {}))
        if schema is None:
            return problems if body is None else [*problems, "it takes no body"]
        if body is None:
            required = operation["requestBody"].get("required", False)
            return [*problems, "a body is required"] if required else problems
        problems += self._problems(f"{route} request", schema, body)
        return problems + list(self._unknown(schema, body, "body"))

    def problems_of_answer(self, route: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer."""
        responses = self.operation(route)["responses"]
        if str(status) not in responses:
            return [] if status >= 400 else [f"{route} never answers {status}"]
        response = self._resolved(responses[str(status)])
        schema = self._content(response)
        if schema is None:
            return [] if body is None or status >= 400 else ["the answer has no body"]
        return self._problems(f"{route} {status}", schema, body)

    def filled(self, route: str, status: int, partial: Any) -> Any:
        """Return the smallest valid answer, with `partial` laid over it."""
        response = self._resolved(self.operation(route)["responses"].get(str(status), {}))
        schema = self._content(response)
        return partial if schema is None else self._over(schema, partial)

    # -- within -------------------------------------------------------------------------------

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            node: Any = self._document
            for step in value["$ref"].removeprefix("#/").split("/"):
                node = node[step]
            value = node
        return value

    def _content(self, value: Mapping[str, Any]) -> Mapping[str, Any] | None:
        content = self._resolved(value).get("content", {})
        found: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
        return found

    def _problems(self, name: str, schema: Mapping[str, Any], body: Any) -> list[str]:
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validators[name] = jsonschema_rs.Draft202012Validator(
                self._closed(schema)
            )
        return [
            f"{'/'.join(map(str, each.instance_path))}: {each.message[:300]}"
            for each in validator.iter_errors(body)
        ]

    def _closed(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with all that it refers to, in the words of JSON Schema."""
        needed: dict[str, Any] = {}
        root = _modern(schema)
        waiting = list(_references(root))
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = _modern(self._document["components"]["schemas"][name])
                waiting += _references(needed[name])
        return {"allOf": [root], "components": {"schemas": needed}}

    def _over(self, schema: Mapping[str, Any], partial: Any) -> Any:
        schema = self._resolved(schema)
        if isinstance(partial, list):
            return [self._over(schema.get("items", {}), each) for each in partial]
        if not isinstance(partial, dict):
            return partial
        made = self._least(schema, 0)
        properties = self._properties(schema)
        for name, value in partial.items():
            made[name] = self._over(properties.get(name, {}), value)
        return made

    def _properties(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        schema = self._resolved(schema)
        found = dict(schema.get("properties", {}))
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                found = self._properties(part) | found
        return found

    def _least(self, schema: Mapping[str, Any], depth: int) -> Any:
        schema = self._resolved(schema)
        if schema.get("nullable") and depth:
            return None
        if "enum" in schema:
            return schema["enum"][0]
        if "allOf" in schema:
            made: dict[str, Any] = {}
            for part in schema["allOf"]:
                made |= self._least(part, depth) or {}
            return made
        for word in ("anyOf", "oneOf"):
            if word in schema and "properties" not in schema:
                return self._least(schema[word][0], depth)
        return self._of_type(schema, depth)

    def _of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        match schema.get("type", "object"):
            case "string":
                return _FORMATS.get(schema.get("format", ""), "x")
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case "array":
                return []
        assert depth < _DEEPEST, "a required field holds itself"
        properties = schema.get("properties", {})
        return {
            name: self._least(properties.get(name, {}), depth + 1)
            for name in schema.get("required", ())
        }

    def _unknown(self, schema: Mapping[str, Any], body: Any, place: str) -> list[str]:
        """Return fields that the description does not have: GitHub would pass over them."""
        schema = self._resolved(schema)
        if isinstance(body, list):
            items = schema.get("items", {})
            return [text for each in body for text in self._unknown(items, each, place)]
        properties = self._properties(schema)
        if not isinstance(body, dict) or not properties:
            return []
        found = [f"{place}.{name} is not known" for name in body if name not in properties]
        for name, value in body.items():
            found += self._unknown(properties.get(name, {}), value, f"{place}.{name}")
        return found


def _modern(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema in the words of JSON Schema: `nullable` becomes a type."""
    if isinstance(schema, list):
        return [_modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    made = {
        name: _modern(value)
        for name, value in schema.items()
        if name not in ("nullable", "example", "examples", "description", "default", "format")
        or not isinstance(value, str | bool | int | float | list | None)
    }
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for each in schema for name in _references(each)]
    if not isinstance(schema, dict):
        return []
    if isinstance(schema.get("$ref"), str):
        return [schema["$ref"].removeprefix(_REF)]
    return [name for each in schema.values() for name in _references(each)]


@functools.cache
def description() -> Description:
    """Return the description, read once."""
    return Description()
