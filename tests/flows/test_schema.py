"""The JSON Schema of flows."""

from typing import Any

import jsonschema_rs
import pytest

from app.flows.schema import flow_schema, type_schema
from app.flows.yaml import load
from tests.flows.fakes import TASKS, TYPES, Request, Sequential, flow
from tests.flows.test_parse import ORDER

SCHEMA = flow_schema(TYPES)
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def _refs(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_refs, value))
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_refs, value.values()))
    return set()


def test_every_reference_is_defined() -> None:
    names = {f"#/definitions/{name}" for name in SCHEMA["definitions"]}
    assert _refs(SCHEMA) <= names
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    single = type_schema(Sequential)
    assert _refs(single) <= {f"#/definitions/{name}" for name in single["definitions"]}


def test_entries_are_told_apart_by_their_type() -> None:
    options = [option["$ref"] for option in SCHEMA["definitions"]["task"]["oneOf"]]
    assert options == [f"#/definitions/{each.type_name}" for each in TASKS]
    assert len(SCHEMA["definitions"]["trigger"]["oneOf"]) == 5
    assert len(SCHEMA["definitions"]["condition"]["oneOf"]) == 18
    definition = SCHEMA["definitions"][Request.type_name]
    assert definition["properties"]["type"]["const"] == Request.type_name
    assert definition["required"] == ["id", "type", "uri"]


def test_properties_are_marked_and_described() -> None:
    properties = SCHEMA["definitions"][Request.type_name]["properties"]
    assert properties["uri"]["$dynamic"] is True
    assert properties["timeout"]["$dynamic"] is True
    assert properties["id"]["$dynamic"] is False
    assert properties["id"]["pattern"] == "^[a-zA-Z0-9][a-zA-Z0-9_-]*$"
    assert properties["method"]["markdownDescription"] == (
        'The method.\n\nDefault value is : `"GET"`'
    )
    assert properties["old"]["$deprecated"] is True
    assert properties["old"]["markdownDescription"] == "Old. Deprecated: use method."
    assert SCHEMA["definitions"]["io.kestra.plugin.core.debug.Echo"]["$deprecated"] is True
    for definition in SCHEMA["definitions"].values():
        for name, each in definition.get("properties", {}).items():
            assert "$ref" in each or each.get("description"), (definition.get("title"), name)


def test_every_name_of_a_property_is_known() -> None:
    assert {"runIf", "when"} <= set(
        SCHEMA["definitions"]["io.kestra.plugin.core.log.Log"]["properties"]
    )
    assert {"maxAttempt", "maxAttempts"} <= set(SCHEMA["definitions"]["Constant"]["properties"])


@pytest.mark.parametrize(
    "source",
    [
        flow(),
        flow(
            "inputs: [{id: a, type: BOOL}, {id: b, type: SELECT, values: [x]}]\n"
            "retry: {type: constant, interval: PT1S, maxAttempt: 3}\n"
            "sla: [{id: s, type: MAX_DURATION, behavior: FAIL, duration: PT1S}]\n"
            "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}]"
        ),
    ],
)
def test_a_flow_is_valid(source: str) -> None:
    document = load(source.replace("core.log", "io.kestra.plugin.core.log")).value
    assert list(VALIDATOR.iter_errors(document)) == []


def test_what_is_wrong_is_found() -> None:
    document = load(ORDER.replace("core.http", "io.kestra.plugin.core.http")).value
    document["tasks"][0]["uri"] = 5
    document["unknown"] = 1
    assert len(list(VALIDATOR.iter_errors(document))) >= 2
