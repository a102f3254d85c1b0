"""Key-value pairs through the API."""

import re
from typing import Any

import pytest

from app.api.kv_literals import literal
from app.errors import Invalid
from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def put(api: Api, ns: str, key: str, body: str, status: int = 200, **headers: str) -> Any:
    headers.setdefault("content-type", "text/plain")
    path = f"namespaces/{ns}/kv/{key}"
    return await api.ask("PUT", path, status, content=body.encode(), headers=headers)


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        ('{"hello":"world"}', "JSON", {"hello": "world"}),
        ("{hello: world, when: 2021-09-01}", "JSON", {"hello": "world", "when": "2021-09-01"}),
        ('["a", 1, null]', "JSON", ["a", 1, None]),
        ('"hello"', "STRING", "hello"),
        ("hello", "STRING", "hello"),
        ("hello, world!", "STRING", "hello, world!"),
        ('say "hello"', "STRING", 'say "hello"'),
        ("", "STRING", ""),
        ("1", "NUMBER", 1),
        (" 1.5 ", "NUMBER", 1.5),
        ("nan", "STRING", "nan"),
        ("true", "BOOLEAN", True),
        ("2021-09-01", "DATE", "2021-09-01"),
        ('"2021-09-01"', "STRING", "2021-09-01"),
        ("2021-09-01T01:02:03Z", "DATETIME", "2021-09-01T01:02:03Z"),
        ("2021-09-01T03:02:03+02:00", "DATETIME", "2021-09-01T01:02:03Z"),
        ("PT5S", "DURATION", "PT5S"),
        ('"PT90M"', "DURATION", "PT1H30M"),
        ("P1D", "DURATION", "PT24H"),
        ("PASTA", "STRING", "PASTA"),
        ("null", "JSON", None),
    ],
)
async def test_the_literal_decides_the_type(
    api: Api, ns: str, body: str, kind: str, value: Any
) -> None:
    await put(api, ns, "k", body)
    found = await api.get(f"namespaces/{ns}/kv/k")
    assert (found["type"], found["value"]) == (kind, value)
    assert found["updated"].endswith("Z")


@pytest.mark.parametrize("body", ["{", '{"a":', "[1, 2", "{a b}"])
async def test_what_begins_like_a_structure_has_to_be_one(body: str) -> None:
    with pytest.raises(Invalid, match="neither JSON nor Ion"):
        literal(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('["\\ud800"]', "half of a character"),
        ('"\\ud800"', "half of a character"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ("9" * 26, "more digits than a number keeps"),
        ("[" + "9" * 26 + "]", "more digits than a number keeps"),
        ("[0x" + "f" * 26 + "]", "cannot be kept"),
        ("9" * 99, "more digits"),
        ("[" * 900 + "]" * 900, "cannot be kept|nested too deeply"),
    ],
)
async def test_what_cannot_be_kept_as_it_is_is_refused(
    api: Api, ns: str, body: str, reason: str
) -> None:
    problem = await api.ask("PUT", f"namespaces/{ns}/kv/k", 422, content=body)
    assert re.search(reason, problem["message"])


async def test_all_digits_of_a_number_are_kept(api: Api, ns: str) -> None:
    for number in (2**64 - 1, -(2**63), 2**53 + 1):
        await put(api, ns, "k", f"[{number}]")
        assert (await api.get(f"namespaces/{ns}/kv/k"))["value"] == [number]


async def test_a_pair_is_listed_without_its_value(api: Api, ns: str) -> None:
    await put(api, ns, "b", "1")
    await put(api, ns, "a", '"x"', ttl="PT5M", description="what for")
    first, second = await api.get(f"namespaces/{ns}/kv")
    assert (first["key"], first["namespace"], first["description"]) == ("a", ns, "what for")
    assert first["expirationDate"] > first["updateDate"] == first["creationDate"]
    assert set(second) == {"namespace", "key", "creationDate", "updateDate"}
    assert await api.get("namespaces/no.such/kv") == []


async def test_deleting(api: Api, ns: str) -> None:
    await put(api, ns, "a", "1")
    await put(api, ns, "b", "1")
    path = f"namespaces/{ns}/kv"
    assert await api.ask("DELETE", f"{path}/a") is True
    assert await api.ask("DELETE", f"{path}/a") is False
    for gone in (["b"], []):
        answer = await api.ask("DELETE", path, json={"keys": ["b", "a", "no/key"]})
        assert answer == {"keys": gone}
    assert await api.get(path) == []
    await api.ask("DELETE", path, 422, json={"keys": "b"})


async def test_expired_pairs_are_deleted_by_and_by(api: Api, ns: str) -> None:
    await put(api, ns, "a", "1", ttl="PT0S")
    await put(api, ns, "b", "1")
    assert [each["key"] for each in await api.get(f"namespaces/{ns}/kv")] == ["b"]
    kept = [each for each in await api.node.key_values.kept("main") if each.namespace == ns]
    assert [each.key for each in kept] == ["a", "b"]
    await api.node.forget()
    kept = [each for each in await api.node.key_values.kept("main") if each.namespace == ns]
    assert [each.key for each in kept] == ["b"]


async def test_errors_say_what_is_wrong(api: Api, ns: str) -> None:
    missing = await api.get(f"namespaces/{ns}/kv/k", 404)
    assert missing["message"].endswith(f"there is no key 'k' in the namespace '{ns}'")
    refused = await put(api, ns, "bad$key", "1", 422)
    assert "must begin with a letter or a digit" in refused["message"]
    assert "ttl" in (await put(api, ns, "k", "1", 400, ttl="soon"))["message"]
    await put(api, ns, "k", "{", 422)
    path = f"namespaces/{ns}/kv/k"
    await api.ask("PUT", path, 400, content=b"\xff", headers={"content-type": "text/plain"})
    await api.get("namespaces/Not_One/kv", 404)


async def test_keys_are_inherited(api: Api, ns: str) -> None:
    for namespace, key in [(ns, "a"), (ns, "b"), (f"{ns}.eu", "a"), (f"{ns}x", "c")]:
        await put(api, namespace, key, "1")
    found = await api.get(f"namespaces/{ns}.eu/kv/inheritance")
    assert [(each["namespace"], each["key"]) for each in found] == [(f"{ns}.eu", "a"), (ns, "b")]


async def test_keys_of_all_namespaces(api: Api, ns: str) -> None:
    for namespace, key in [(ns, "b"), (f"{ns}.eu", "a")]:
        await put(api, namespace, key, "1")
    prefix = f"filters[namespace][PREFIX]={ns}"
    found = await api.get(f"kv?{prefix}&sort=key:asc&size=1")
    assert ([each["key"] for each in found["results"]], found["total"]) == (["a"], 2)
    found = await api.get(f"kv?filters[namespace][EQUALS]={ns}&filters[q][EQUALS]=B")
    assert [each["key"] for each in found["results"]] == ["b"]
    found = await api.get(f"kv?{prefix}&filters[key][EQUALS]=a")
    assert found["total"] == 1
    await api.get("kv?filters[color][EQUALS]=red", 400)
    await api.get("kv?sort=color:asc", 400)


async def test_flows_and_the_api_see_the_same_pairs(api: Api, ns: str) -> None:
    await put(api, ns, "k", '{"n": 1}')
    await api.flow(
        f"{ns}.below",
        """
        tasks:
          - {id: get, type: io.kestra.plugin.core.debug.Return, format: "{{ kv('k').n + 1 }}"}
          - {id: set, type: io.kestra.plugin.core.kv.Set, key: own, value: "{{ kv('k') }}"}
        """,
    )
    execution = await api.run(f"{ns}.below/f")
    assert execution["state"]["current"] == "SUCCESS", execution
    assert execution["taskRunList"][0]["outputs"]["value"] == "2"
    found = await api.get(f"namespaces/{ns}.below/kv/own")
    assert (found["type"], found["value"]) == ("JSON", {"n": 1})
