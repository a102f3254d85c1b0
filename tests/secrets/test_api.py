"""Secrets by the API: names only, and commits of encrypted files."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.config import load_settings
from app.secrets.documents import read_document
from app.secrets.keys import new_identity
from app.sync.model import Actor
from app.sync.publishing import Edits
from tests.api.conftest import Api, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDENTITY, RECIPIENT = new_identity()
VALUE = "s3cr3t-Value#1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    data = tmp_path_factory.mktemp("data")
    keys = data / "other.txt"
    keys.write_text(f"# of one namespace\n{new_identity()[0]}\n")
    settings = load_settings(
        data_dir=data,
        server={"mode": "dev"},
        secrets={"age_key": IDENTITY, "identities": {"main/own": str(keys)}},
        engine={"drain_seconds": 0.1},
    )
    async with serving(settings) as api:
        yield api


@pytest.fixture
def ns() -> str:
    """A namespace that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


def place(ns: str, more: str = "") -> str:
    return f"namespaces/{ns}/secrets{more}"


async def put(
    api: Api, ns: str, key: str, value: str = VALUE, status: int = 200, **more: Any
) -> Any:
    return await api.ask("PUT", place(ns), status, json={"key": key, "value": value, **more})


async def stored(api: Api, ns: str) -> bytes:
    """The file in the newest commit."""
    origin = api.node.sync.workers.get("main").parts.repository
    path = f"tenants/main/namespaces/{ns}/secrets.sops.yaml"

    def read() -> bytes:
        objects = origin.mirror.objects
        info = objects.info(f"{origin.mirror.tip('main')}:{path}")
        return b"" if info is None else objects.read(info.oid)

    return await asyncio.to_thread(read)


async def test_a_secret_is_set_listed_and_deleted(api: Api, ns: str) -> None:
    assert await put(api, ns, "TOKEN") == [{"key": "TOKEN", "namespace": ns, "tags": []}]
    source = await stored(api, ns)
    assert VALUE.encode() not in source
    found = read_document(source, [IDENTITY])
    assert (found.values, found.scope) == ({"TOKEN": VALUE}, f"main/{ns}")
    told = await api.get(place(ns))
    assert told == {
        "readOnly": False,
        "results": [{"key": "TOKEN", "namespace": ns, "tags": []}],
        "total": 1,
    }
    await api.ask("DELETE", place(ns, "/TOKEN"), 204)
    assert (await api.get(place(ns)))["total"] == 0
    await api.ask("DELETE", place(ns, "/TOKEN"), 404)


async def test_values_are_replaced_and_nothing_else_changes(api: Api, ns: str) -> None:
    await put(api, ns, "A")
    await put(api, ns, "B")
    before = (await stored(api, ns)).splitlines()
    await put(api, ns, "A", "new")
    after = (await stored(api, ns)).splitlines()
    changed = [line.split(b":")[0].strip() for line in after if line not in before]
    assert set(changed) <= {b"A", b"mac", b"lastmodified"}
    assert read_document(b"\n".join(after), [IDENTITY]).values == {"A": "new", "B": VALUE}


async def test_what_is_told_of_a_secret(api: Api, ns: str) -> None:
    tags = [{"key": "team", "value": "a: b"}]
    made = await put(api, ns, "A", description="of the shop", tags=tags)
    assert made[0] == {"key": "A", "namespace": ns, "description": "of the shop", "tags": tags}
    assert (await put(api, ns, "A", "new"))[0]["description"] == "of the shop"
    changed = {"key": "A", "tags": [], "description": "x"}
    told = await api.ask("PATCH", place(ns, "/A"), 200, json=changed)
    assert told == [{"key": "A", "namespace": ns, "description": "x", "tags": []}]
    assert read_document(await stored(api, ns), [IDENTITY]).values == {"A": "new"}
    await api.ask("PATCH", place(ns, "/A"), 400, json={"key": "B", "tags": []})
    await api.ask("PATCH", place(ns, "/NO"), 404, json={"key": "NO", "tags": []})
    await api.ask("DELETE", place(ns, "/A"), 204)
    assert b"_about" not in await stored(api, ns)


async def test_names_that_a_namespace_inherits(api: Api, ns: str) -> None:
    await put(api, ns, "A")
    await put(api, f"{ns}.team", "B")
    assert await api.get(f"namespaces/{ns}.team.x/inherited-secrets") == {
        f"{ns}.team": ["B"],
        ns: ["A"],
    }


async def test_names_of_all_namespaces(api: Api, ns: str) -> None:
    for name in ("A", "B"):
        await put(api, ns, name)
    await put(api, f"{ns}.team", "C")
    query = f"secrets?filters[namespace][PREFIX]={ns}"
    found = await api.get(f"{query}&size=2&page=2")
    assert [each["key"] for each in found["results"]] == ["C"]
    assert found["total"] == 3
    found = await api.get(f"{query}&filters[q][EQUALS]=b&sort=key:desc")
    assert [each["key"] for each in found["results"]] == ["B"]
    await api.get("secrets?filters[state][EQUALS]=x", 400)
    await api.get("secrets?sort=value", 400)


async def test_what_is_no_secret_is_refused_without_repeating_it(api: Api, ns: str) -> None:
    await put(api, f"{ns}x", "A")  # the repository has a commit: nothing of it is in this namespace
    for body in (
        {"key": "A", "value": ""},
        {"key": "A"},
        {"key": "A", "value": 5},
        {"key": "A", "value": {"x": VALUE}},
        {"key": "bad key", "value": VALUE},
        {"key": "_scope", "value": VALUE},
        {"key": "x_unencrypted", "value": VALUE},
        {"key": "A", "value": VALUE, "tenant": "other"},
        {"key": "A", "value": VALUE * 10_000},
    ):
        answer = await api.answer("PUT", place(ns), json=body)
        assert answer.status_code == 422, body
        assert VALUE not in answer.text
    assert await stored(api, ns) == b""


async def test_a_namespace_with_an_identity_of_its_own(api: Api) -> None:
    await put(api, "own", "A")
    found = await stored(api, "own")
    with pytest.raises(Exception, match="identities"):
        read_document(found, [IDENTITY])


async def test_no_route_answers_with_a_value(api: Api, ns: str) -> None:
    await put(api, ns, "A")
    for path in (place(ns), place(ns, "/A"), f"namespaces/{ns}/inherited-secrets", "secrets"):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            answer = await api.answer(method, path)
            assert VALUE not in answer.text


async def test_two_writers_lose_nothing(api: Api, ns: str) -> None:
    await asyncio.gather(*(put(api, ns, f"K{number}") for number in range(5)))
    found = read_document(await stored(api, ns), [IDENTITY])
    assert sorted(found.values) == [f"K{number}" for number in range(5)]


async def test_the_rule_of_the_repository_counts(api: Api, ns: str) -> None:
    other = new_identity()[1]
    worker = api.node.sync.workers.get("main")

    async def rule(*recipients: str) -> None:
        text = f"creation_rules:\n- path_regex: {ns}\n  age: [{', '.join(recipients)}]\n"
        actor = Actor("a", "a@b.invalid")
        edits = Edits({".sops.yaml": text.encode()}, [("main", ns)], "Rule", actor)
        await worker.publisher.publish(edits)

    await rule(other)
    refused = await put(api, ns, "A", status=409)
    assert ".sops.yaml" in refused["detail"]
    await rule(other, RECIPIENT)
    await put(api, ns, "A")
    assert read_document(await stored(api, ns), [IDENTITY]).recipients == (other, RECIPIENT)


async def test_no_value_is_in_the_data_folder(api: Api, ns: str) -> None:
    await put(api, ns, "A", description="d")
    folder = api.node.settings.data_dir

    def held() -> list[Path]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [path for path in files if VALUE.encode() in path.read_bytes()]

    assert await asyncio.to_thread(held) == []
