"""Bodies in JSON, and what they may hold."""

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}
HALF = '"\\ud800"'
"""Half of a surrogate pair, as JSON writes it."""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "namespaces", f'{{"id": "n", "description": {HALF}}}'),
        ("POST", "/api/v1/tenants", f'{{"id": "t", "name": {HALF}}}'),
        ("POST", "/api/v1/users", f'{{"email": {HALF}}}'),
        ("PUT", "namespaces/n/secrets", f'{{"key": "A", "value": {HALF}}}'),
        ("POST", "changesets", f'{{"title": {HALF}}}'),
        ("POST", "drafts", f'{{"title": {HALF}}}'),
        ("POST", "flows/n/f/rollback", f'{{"reason": {HALF}}}'),
        ("DELETE", "namespaces/n/kv", f'{{"keys": [{HALF}]}}'),
        ("POST", "executions/resume/by-ids", f"[{{{HALF}: 1}}]"),
    ],
)
async def test_half_of_a_character_is_refused(api: Api, method: str, path: str, body: str) -> None:
    problem = await api.ask(method, path, 422, content=body, headers=JSON)
    assert "half of a character" in problem["message"]


async def test_it_is_no_label(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    path = f"executions/{(await api.run(f'{ns}/f'))['id']}"
    for body in (f'[{{"key": {HALF}, "value": "x"}}]', f'[{{"key": "a", "value": {HALF}}}]'):
        for verb in ("labels", "actions/labels"):
            await api.post(f"{path}/{verb}", 422, content=body, headers=JSON)
    whole = '[{"key": "a", "value": "\\ud83d\\ude00"}]'
    await api.post(f"{path}/labels", content=whole, headers=JSON)
    assert {"key": "a", "value": "\U0001f600"} in (await api.get(path))["labels"]


@pytest.mark.parametrize("body", [b'["\xed\xa0\x80"]', b'["\xff"]', '["a"]'.encode("utf-16")])
async def test_json_is_utf_8(api: Api, body: bytes) -> None:
    problem = await api.post("executions/resume/by-ids", 400, content=body, headers=JSON)
    assert problem["message"] == "Bad Request: the body is not UTF-8"
