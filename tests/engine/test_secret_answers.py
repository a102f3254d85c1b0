"""Secrets of executions: whose they may be, how long they are kept, what is told of their use."""

import asyncio
import gc
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.config import ExpressionSettings
from app.engine.host import FlowHost, environment_for
from app.engine.preview import Preview, Previews
from app.engine.secret_answers import Asker, SecretAnswers
from app.errors import ExpressionError, Forbidden, NotFound
from app.executions import State
from app.expressions import UNKNOWN, Environment, render_async
from app.ports import NoRules, SecretUse
from tests.engine.harness import Engine, flow


class Store:
    """Secrets by namespace; a file that cannot be opened is an error."""

    def __init__(self, kept: Mapping[str, Mapping[str, str]], seconds: float = 60.0) -> None:
        self.kept = kept
        self.seconds = seconds
        self.asked: list[tuple[str, str, str | None]] = []
        self.found: list[str] = []
        self.is_open = True

    def reads_environment(self, tenant: str) -> bool:
        return self.is_open

    async def secrets(self, tenant: str, namespace: str, commit: str | None) -> "Store.Lookup":
        self.asked.append((tenant, namespace, commit))
        return Store.Lookup(self, self.kept.get(namespace, {}))

    class Lookup:
        def __init__(self, store: "Store", kept: Mapping[str, str]) -> None:
            self._store = store
            self._kept = kept

        def find(self, key: str) -> str | None:
            self._store.found.append(key)
            return self._kept.get(key)


class Refusing(NoRules):
    async def refusal(self, tenant: str, who: str, whose: str, use: Any) -> str | None:
        return f"{whose} does not let {who} use its {use}"


def answers(store: Store, rules: NoRules | None = None) -> SecretAnswers:
    return SecretAnswers(store, Asker("main", "a.b", "c0ffee"), rules or NoRules())


async def test_each_is_asked_for_once() -> None:
    store = Store({"a.b": {"K": "one"}})
    kept = answers(store)
    assert kept.at_once("K", None, None) is UNKNOWN
    assert await kept.fetch("K", None, None) == ("one",)
    assert kept.at_once("K", None, None) == ("one",)
    assert store.asked == [("main", "a.b", "c0ffee")]
    assert "one" not in repr(kept)


@pytest.mark.parametrize("seconds", [0.0, 0.01])
async def test_they_are_forgotten(seconds: float) -> None:
    kept = answers(Store({"a.b": {"K": "one"}}, seconds))
    await kept.fetch("K", None, None)
    async with asyncio.timeout(20):
        while kept.at_once("K", None, None) is not UNKNOWN:
            await asyncio.sleep(0.005)


async def test_no_timer_keeps_them_alive() -> None:
    kept = answers(Store({"a.b": {"K": "one"}}))
    await kept.fetch("K", None, None)
    reference = weakref.ref(kept)
    del kept
    gc.collect()
    assert reference() is None


async def test_other_namespaces_are_asked() -> None:
    store = Store({"a": {"K": "above"}, "x": {"K": "other"}})
    assert await answers(store).fetch("K", "x", None) == ("other",)
    assert await answers(store, Refusing()).fetch("K", "a", None) == ("above",)
    with pytest.raises(Forbidden, match=r"x does not let a\.b use its secrets"):
        await answers(store, Refusing()).fetch("K", "x", None)
    assert [each[1:] for each in store.asked] == [("x", None), ("a", "c0ffee")]


async def test_those_of_the_service_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_K", "ZW52aXJvbm1lbnQ=")
    store = Store({"a.b": {"K": "git"}})
    assert await answers(store).fetch("K", None, None) == ("git",)
    store.kept = {}
    assert await answers(store).fetch("K", None, None) == ("environment",)
    store.is_open = False
    with pytest.raises(NotFound, match="Cannot find secret for key 'K'"):
        await answers(store).fetch("K", None, None)


async def test_entries_of_structures() -> None:
    store = Store({"a.b": {"K": '{"user": "u", "port": 5}'}})
    kept = answers(store)
    assert (await kept.fetch("K", None, "user"))[-1] == "u"
    assert kept.at_once("K", None, "port") == ('{"user": "u", "port": 5}', "5")
    with pytest.raises(NotFound, match="sub-key 'none'"):
        await kept.fetch("K", None, "none")


async def test_uses_are_told_once_by_name() -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ secret('K') }}{{ secret('K') }}"}
          - {id: b, type: core.debug.Return, format: "{{ secret('K') }}{{ secret('L') }}"}
    """)
    engine = Engine(loaded)
    told: list[SecretUse] = []
    store = Store({"tests": {"K": "one-secret", "L": "two-secret"}})
    parts = replace(engine.parts, secrets=store, secret_used=told.append)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), parts)
    async with engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    assert told == [
        SecretUse("main", "tests", "f", execution.id, "K"),
        SecretUse("main", "tests", "f", execution.id, "L"),
    ]
    assert "one-secret" not in repr(told)


async def preview(engine: Engine, **parts: Any) -> Preview:
    chosen = replace(engine.parts, **parts)
    environment = environment_for(ExpressionSettings(), chosen)
    loaded = await engine.flows.current("main", "tests", "f")
    return await Previews(engine.executor, environment, engine.clock).of_flow(loaded, {})


async def test_what_everybody_sees_gets_none() -> None:
    engine = Engine(flow("id: f\ntasks: [{id: a, type: core.debug.Return, format: x}]"))
    store = Store({"tests": {"K": "one-secret"}})
    seen = await preview(engine, secrets=store)
    assert await seen.text("{{ secret('K') }}") == "one-secret"
    assert seen.secrets.whole == {"one-secret"}
    assert await seen.public("{{ flow.id }}") == "f"
    for hidden in ("{{ secret('K') }}", "{{ render('{{ secret(\"K\") }}') }}"):
        with pytest.raises(ExpressionError, match=r"secret\(\) may not be used here"):
            await seen.public(hidden)


async def test_a_flow_alone_asks_for_those_of_its_namespace() -> None:
    engine = Engine(flow("id: f\ntasks: [{id: a, type: core.debug.Return, format: x}]"))
    store = Store({"tests.deep": {"K": "one-secret"}})
    secrets: set[str] = set()
    host = FlowHost(replace(engine.parts, secrets=store), "main", "tests.deep", secrets)
    rendered = await render_async("{{ secret('K') }}", {}, Environment(host=host))
    assert rendered == "one-secret"
    assert "one-secret" in secrets


VARIABLES = """
id: f
variables: {own: 1}
tasks:
  - {id: a, type: core.debug.Return, format: "{{ namespace.region }}/{{ namespace.vars.db.host }}"}
  - {id: b, type: core.debug.Return, format: "{{ render(namespace.header) }}"}
  - {id: c, type: core.debug.Return, format: "{{ globals.x }}/{{ kestra.environment }}"}
"""


class Variables:
    def __init__(self, kept: Mapping[str, Any] | None) -> None:
        self.kept = kept
        self.asked: list[tuple[str, str, str]] = []

    def known(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any] | None:
        return None

    async def of(self, tenant: str, namespace: str, commit: str) -> Mapping[str, Any]:
        self.asked.append((tenant, namespace, commit))
        if self.kept is None:
            raise NotFound("the repository is gone")
        return self.kept


def with_variables(source: str, variables: Variables) -> Engine:
    engine = Engine(flow(source))
    parts = replace(
        engine.parts,
        variables=variables,
        secrets=Store({"tests": {"K": "one-secret"}}),
        globals={"globals": {"x": "g"}, "kestra": {"environment": "test"}},
    )
    for part in (engine.executor, engine.executor._driver, engine.executor.inputs):
        part._parts = parts
    environment = environment_for(ExpressionSettings(), parts)
    engine.executor._driver._environment = engine.executor.inputs._environment = environment
    return engine


async def test_variables_of_the_namespace_are_those_of_the_commit() -> None:
    variables = Variables(
        {"region": "eu", "db": {"host": "h"}, "header": "Bearer {{ secret('K') }}"}
    )
    engine = with_variables(VARIABLES, variables)
    async with engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS, execution.task_runs
    values = {path: (run.outputs or {})["value"] for path, run in execution.task_runs.items()}
    assert values["/a"] == "eu/h"
    assert values["/b"] == "Bearer ********"
    assert values["/c"] == "g/test"
    assert ("main", "tests", execution.commit) in variables.asked


async def test_who_asks_for_no_variables_does_not_need_them() -> None:
    other = "id: f\ntasks: [{id: a, type: core.debug.Return, format: '{{ flow.namespace }}'}]"
    engine = with_variables(other, Variables(None))
    async with engine:
        execution = await engine.run()
    assert execution.state is State.SUCCESS
    engine = with_variables(VARIABLES, Variables(None))
    async with engine:
        execution = await engine.run()
    assert execution.state is State.FAILED
    assert "the repository is gone" in (execution.reason or "")
