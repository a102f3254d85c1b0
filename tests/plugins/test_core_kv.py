"""The tasks on key-value pairs, run by the engine on fakes."""

from typing import Any

import pytest

from app.executions import Execution, State, TaskRunPath
from app.ports import KeyValue
from tests.engine.harness import Engine, flow


async def run(tasks: str, engine: Engine | None = None, **inputs: Any) -> Execution:
    declared = "".join(f"\n  - {{id: {name}, type: JSON}}" for name in inputs)
    head = "id: f\n" + (f"inputs:{declared}\n" if inputs else "")
    loaded = flow(f"{head}tasks:\n{tasks}")
    engine = engine or Engine()
    engine.flows.flows["tests", "f"] = loaded
    async with engine:
        return await engine.run("f", inputs=inputs)


def outputs(execution: Execution, task: str) -> Any:
    return execution.task_runs[TaskRunPath(f"/{task}")].outputs


def error(execution: Execution, task: str) -> str:
    return execution.task_runs[TaskRunPath(f"/{task}")].error or ""


async def kept(engine: Engine, key: str, namespace: str = "tests") -> KeyValue:
    found = await engine.key_values.get("main", namespace, key)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        ("{{ inputs.x }}", "JSON", {"a": [1, None]}),
        ("{{ inputs.x.a[0] }}", "NUMBER", 1),
        ("{{ inputs.x.a[0] == 1 }}", "BOOLEAN", True),
        ("{{ inputs.x.a[0] }}!", "STRING", "1!"),
        ("12", "STRING", "12"),
    ],
)
async def test_a_value_keeps_its_type(value: str, kind: str, stored: Any) -> None:
    engine = Engine()
    tasks = f"""
  - {{id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: "{value}"}}
  - {{id: get, type: io.kestra.plugin.core.kv.Get, key: k}}
"""
    execution = await run(tasks, engine, x='{"a": [1, null]}')
    assert execution.state is State.SUCCESS, execution
    found = await kept(engine, "k")
    assert (found.kind, found.value) == (kind, stored)
    shown = {"a": [1, None]} if isinstance(stored, dict) else stored
    assert outputs(execution, "get") == {"value": shown}


@pytest.mark.parametrize(
    ("kind", "text", "stored"),
    [
        ("STRING", "x", "x"),
        ("NUMBER", "123.45", 123.45),
        ("NUMBER", "7", 7),
        ("BOOLEAN", "true", True),
        ("DATETIME", "2023-05-02T01:02:03Z", "2023-05-02T01:02:03Z"),
        ("DATETIME", "2023-05-02T03:02:03+02:00", "2023-05-02T01:02:03Z"),
        ("DATE", "2023-05-02", "2023-05-02"),
        ("DURATION", "PT90M", "PT1H30M"),
        ("JSON", '[{\\"some\\":\\"value\\"}]', [{"some": "value"}]),
    ],
)
async def test_a_text_is_read_as_its_type(kind: str, text: str, stored: Any) -> None:
    engine = Engine()
    properties = f'key: k, value: "{text}", kvType: {kind}'
    task = f"  - {{id: set, type: io.kestra.plugin.core.kv.Set, {properties}}}\n"
    assert (await run(task, engine)).state is State.SUCCESS
    found = await kept(engine, "k")
    assert (found.kind, found.value) == (kind, stored)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("key: k, value: x, kvType: NUMBER", "'x' is no NUMBER"),
        ("key: k, value: nan, kvType: NUMBER", "must be finite"),
        ("key: k, value: maybe, kvType: BOOLEAN", "'maybe' is no BOOLEAN"),
        ('key: k, value: "{", kvType: JSON', "is no JSON"),
        ("key: k, value: tomorrow, kvType: DATE", "is no DATE"),
        ('key: "a/b", value: x', "must begin with a letter or a digit"),
        ("key: old, value: x, overwrite: false", "old exists already in the namespace tests"),
    ],
)
async def test_what_cannot_be_stored_fails_the_task(properties: str, message: str) -> None:
    tasks = f"""
  - {{id: first, type: io.kestra.plugin.core.kv.Set, key: old, value: x}}
  - {{id: set, type: io.kestra.plugin.core.kv.Set, {properties}}}
"""
    engine = Engine()
    execution = await run(tasks, engine)
    assert execution.state is State.FAILED
    assert message in error(execution, "set")
    assert (await kept(engine, "old")).value == "x"


async def test_a_value_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.stores.LARGEST_VALUE", 10)
    task = "  - {id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: '123456789'}\n"
    execution = await run(task)
    assert "has 11 bytes, the limit is 10" in error(execution, "set")


async def test_a_pair_has_a_namespace_a_description_and_an_end() -> None:
    engine = Engine()
    await run(
        "  - {id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: v,"
        " namespace: other.place, ttl: PT1H, kvDescription: what for}\n",
        engine,
    )
    found = await kept(engine, "k", "other.place")
    assert found.description == "what for"
    assert found.expires_at == found.created_at + 3_600_000_000
    engine.clock.advance(3_601)
    assert await engine.key_values.get("main", "other.place", "k") is None


async def test_a_key_is_inherited_from_the_namespaces_above() -> None:
    engine = Engine()
    for namespace, value in [("a", "top"), ("a.b", "middle")]:
        pair = KeyValue("k", "STRING", value, None, 1, 1, None)
        await engine.key_values.put("main", namespace, pair)
    engine.flows.flows["a.b.c", "f"] = flow("""
        id: f
        namespace: a.b.c
        tasks:
          - {id: own, type: io.kestra.plugin.core.kv.Get, key: k}
          - {id: named, type: io.kestra.plugin.core.kv.Get, key: k, namespace: a}
          - {id: other, type: io.kestra.plugin.core.kv.Get, key: k, namespace: a.x}
    """)
    async with engine:
        execution = await engine.run("f", namespace="a.b.c")
    assert outputs(execution, "own") == {"value": "middle"}
    assert outputs(execution, "named") == {"value": "top"}
    assert outputs(execution, "other") is None


async def test_missing_keys() -> None:
    execution = await run("""
  - {id: get, type: io.kestra.plugin.core.kv.Get, key: k}
  - {id: delete, type: io.kestra.plugin.core.kv.Delete, key: k}
  - id: strict
    type: io.kestra.plugin.core.kv.Get
    key: k
    errorOnMissing: true
    allowFailure: true
  - {id: gone, type: io.kestra.plugin.core.kv.Delete, key: k, errorOnMissing: true}
""")
    assert outputs(execution, "get") is None
    assert outputs(execution, "delete") == {"deleted": False}
    message = "The key 'k' does not exist in the namespace 'tests'."
    assert error(execution, "strict") == message
    assert error(execution, "gone") == message


async def test_keys_are_listed_and_deleted() -> None:
    execution = await run("""
  - {id: a, type: io.kestra.plugin.core.kv.Set, key: test-a, value: x}
  - {id: b, type: io.kestra.plugin.core.kv.Set, key: b, value: x}
  - {id: all, type: io.kestra.plugin.core.kv.GetKeys}
  - {id: some, type: io.kestra.plugin.core.kv.GetKeys, prefix: test}
  - {id: delete, type: io.kestra.plugin.core.kv.Delete, key: b, errorOnMissing: true}
  - {id: rest, type: io.kestra.plugin.core.kv.GetKeys}
""")
    assert execution.state is State.SUCCESS
    assert outputs(execution, "all") == {"keys": ["b", "test-a"]}
    assert outputs(execution, "some") == {"keys": ["test-a"]}
    assert outputs(execution, "delete") == {"deleted": True}
    assert outputs(execution, "rest") == {"keys": ["test-a"]}


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ("", "abc"),
        ("namespaces: [shopping]", "abco"),
        ("expiredOnly: false", ""),
        ("expiredOnly: false, keyPattern: '[ab]'", "co"),
        ("expiredOnly: false, namespaces: [shop]", "c"),
        ("expiredOnly: false, namespaces: [shop], includeChildNamespaces: false", "bc"),
        ("expiredOnly: false, namespacePattern: '*.eu'", "aco"),
        ("behavior: {type: key, expiredOnly: false}", ""),
        ("behavior: {type: version}", "abco"),
    ],
)
async def test_purge(properties: str, left: str) -> None:
    engine = Engine()
    for namespace, key, expires in [
        ("shop", "a", None), ("shop.eu", "b", None), ("shopping", "c", None), ("shop", "o", 1)
    ]:  # fmt: skip
        pair = KeyValue(key, "STRING", "v", None, 1, 1, expires)
        await engine.key_values.put("main", namespace, pair)
    rest = f", {properties}" if properties else ""
    task = f"  - {{id: purge, type: io.kestra.plugin.core.kv.PurgeKV{rest}}}\n"
    execution = await run(task, engine)
    there = sorted(each.key for each in await engine.key_values.kept("main"))
    assert "".join(there) == left
    assert outputs(execution, "purge") == {"size": 4 - len(left)}
