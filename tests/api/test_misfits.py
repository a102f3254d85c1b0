"""What is told of parameters and bodies that do not fit."""

from typing import Any

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("rollback", {"to": "?"}, 'to: must match "^[0-9a-f]{1,64}$"; to: must be an integer'),
        ("rollback", {"to": [1]}, "to: must be a text; to: must be an integer"),
        ("rollback", [], "body: must be a map"),
        ("rollback", {"nope": 1}, 'nope: Unrecognized field "nope"'),
        ("pin", {}, "body: give revision or commit"),
    ],
)
async def test_what_does_not_fit_is_told_in_our_words(
    api: Api, path: str, body: Any, message: str
) -> None:
    problem = await api.post(f"flows/shop/f/{path}", 422, json=body)
    assert problem["message"] == f"Invalid entity: {message}"
    pointers = {each["pointer"] for each in problem["errors"]}
    assert pointers == {"" if message.startswith("body") else f"/{message.partition(':')[0]}"}


async def test_each_place_has_its_words(api: Api) -> None:
    path = "executions/0354909ce60V8ZtRVmDwoI/labels"
    problem = await api.post(path, 422, json=[{"value": "x"}, {"key": 1, "value": "x"}])
    assert "1.key: must be a text" in problem["message"]
    problem = await api.post("/api/v1/tenants", 422, json={"name": 1})
    assert [each["message"] for each in problem["errors"]] == [
        "id: must not be null",
        "name: must be a text",
    ]
    problem = await api.get("executions/search?page=x&size=0", 400)
    assert [each["message"] for each in problem["errors"]] == [
        "page: must be an integer",
        "size: must be greater than or equal to 1",
    ]


async def test_what_is_no_json_is_told(api: Api) -> None:
    problem = await api.post("flows/shop/f/pin", 422, content='{"a"', headers=JSON)
    assert problem["errors"][0]["message"].startswith("body: no JSON at character 4: Expecting")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-yaml", ""])
async def test_json_is_sent_as_json(api: Api, kind: str) -> None:
    headers = {"content-type": kind}
    problem = await api.post("flows/shop/f/pin", 415, content='{"revision": 1}', headers=headers)
    assert "content type application/json" in problem["message"]
