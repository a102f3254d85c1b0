"""Plugins: lists, documentation, schemas."""

import jsonschema_rs
import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = "io.kestra.plugin.core.http.Request"


async def test_plugins_are_listed(api: Api) -> None:
    found = await api.get("/api/v1/plugins")
    names = {each["group"]: each for each in found}
    core = names["io.kestra.plugin.core"]
    assert REQUEST in [each["cls"] for each in core["tasks"]]
    assert "io.kestra.plugin.core.trigger.Schedule" in [each["cls"] for each in core["triggers"]]
    assert await api.get("plugins") == found
    paged = await api.get("/api/v1/plugins?page=1&size=1")
    assert (len(paged["results"]), paged["total"]) == (1, len(found))
    packages = await api.get("/api/v1/plugins/groups/subgroups")
    assert "io.kestra.plugin.core.http" in [each.get("subGroup") for each in packages]
    assert await api.get("/api/v1/plugins/icons") == {}
    triggers = await api.get("/api/v1/plugins/triggers")
    assert triggers["results"][0]["type"].startswith("io.kestra.")


async def test_a_type_is_documented(api: Api) -> None:
    found = await api.get(f"/api/v1/plugins/{REQUEST}")
    schema = found["schema"]
    assert schema["properties"]["properties"]["uri"]["$required"] is True
    assert schema["properties"]["properties"]["uri"]["$dynamic"] is True
    assert "Default value" in schema["properties"]["properties"]["method"]["markdownDescription"]
    assert {"uri", "code", "headers", "body"} <= schema["outputs"]["properties"].keys()
    assert found["markdown"].startswith("# Request\n")
    assert await api.get("/api/v1/plugins/core.http.Request?all=true") == found
    script = await api.get("/api/v1/plugins/io.kestra.plugin.scripts.python.Script")
    assert "exitCode" in script["schema"]["outputs"]["properties"]
    assert (await api.get(f"/api/v1/plugins/{REQUEST}/versions"))["type"] == REQUEST
    await api.get("/api/v1/plugins/no.such.Type", 404)


async def test_every_type_is_documented(api: Api) -> None:
    for name in api.node.registry.names():
        found = await api.get(f"/api/v1/plugins/{name}")
        assert found["schema"]["properties"]["title"], name


async def test_schemas(api: Api) -> None:
    schema = await api.get("/api/v1/plugins/schemas/flow")
    task = {"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "m"}
    check = jsonschema_rs.Draft7Validator(schema)
    assert check.is_valid({"id": "f", "namespace": "n", "tasks": [task]})
    assert not check.is_valid({"id": "f", "namespace": "n", "tasks": [{"id": "t"}]})
    tasks = jsonschema_rs.Draft7Validator(
        await api.get("/api/v1/plugins/schemas/task?arrayOf=true")
    )
    assert tasks.is_valid([task])
    assert not tasks.is_valid(task)
    for kind in ("trigger", "plugindefault", "condition", "runner", "input"):
        jsonschema_rs.Draft7Validator(await api.get(f"plugins/schemas/{kind}"))
    await api.get("/api/v1/plugins/schemas/nothing", 404)


async def test_input_types(api: Api, ns: str) -> None:
    listed = await api.get("/api/v1/plugins/inputs")
    assert {"type": "STRING", "cls": "StringInput"} in listed
    found = await api.get("/api/v1/plugins/inputs/string")
    assert found["schema"]["properties"]["definitions"]["StringInput"]["properties"]["id"]
    await api.get("/api/v1/plugins/inputs/NOPE", 404)
    await api.flow(ns, RETURN)  # the rest of the service does not mind
