"""What a flow may do in other namespaces: what these let its namespace do, asked anew each time."""

import asyncio
from dataclasses import replace

import pytest

from app.config import ExpressionSettings
from app.engine.commands import NewExecution
from app.engine.host import FlowHost, environment_for
from app.engine.host_files import FileAnswers
from app.engine.identity import Identity
from app.errors import Forbidden, TooMany
from app.executions import State
from app.flows.inputs import InvalidInputs
from app.ports import KeyValue, LoadedFlow, Share, Use
from tests.engine.harness import SERVICE, Engine, flow

OTHER = "vault.inner"


class Rules:
    """Rules that tests change; `vault` is closed but for what is granted."""

    def __init__(self, *granted: Use) -> None:
        self.granted = set(granted)
        self.asked: list[tuple[str, str, str, Use]] = []
        self.shares: dict[str, Share] = {}

    def share(self, tenant: str, /) -> Share:
        return self.shares.get(tenant, Share())

    async def refusal(self, tenant: str, who: str, whose: str, use: Use, /) -> str | None:
        self.asked.append((tenant, who, whose, use))
        return None if use in self.granted else f"{whose} does not let {who} {use}"


def told(engine: Engine) -> str:
    """What the events of all executions say."""
    return str([event.data for events in engine.journal.events.values() for event in events])


@pytest.fixture(autouse=True)
def fresh() -> None:
    SERVICE.__init__()  # type: ignore[misc]  # begins anew


CALLER = f"""
    id: caller
    tasks:
      - id: call
        type: io.kestra.plugin.core.flow.Subflow
        namespace: {OTHER}
        flowId: called
        wait: true
        transmitFailed: true
"""
CALLED = f"""
    id: called
    namespace: {OTHER}
    tasks:
      - {{id: it, type: test.Effect, name: it}}
"""


async def test_a_subflow_is_started_where_it_is_granted() -> None:
    rules = Rules("execute")
    async with Engine(flow(CALLER), flow(CALLED), tenants=rules) as engine:
        assert (await engine.run()).state is State.SUCCESS
    assert rules.asked == [("main", "tests", OTHER, "execute")]


@pytest.mark.parametrize("granted", [True, False])
async def test_what_is_asked_in_a_subflow_is_asked_by_its_caller(granted: bool) -> None:
    """Who may start a flow there cannot read what is there with its name."""
    caller = CALLER + "        outputs: {taken: \"{{ kv('pin') }}\"}\n"
    rules = Rules("execute", *(("secrets", "kv", "files") if granted else ()))
    engine = Engine(flow(caller), flow(CALLED), tenants=rules)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        pin = KeyValue("pin", "STRING", "held", None, 0, 0, None)
        await engine.parts.kv.put("main", OTHER, pin)
        await engine.run()
    assert ("held" in told(engine)) is granted


async def test_it_is_not_started_elsewhere() -> None:
    async with Engine(flow(CALLER), flow(CALLED), tenants=Rules("kv", "executions")) as engine:
        ended = await engine.run()
    assert ended.state is State.FAILED
    assert SERVICE.calls == []
    assert f"{OTHER} does not let tests execute" in told(engine)


async def test_each_of_many_items_asks() -> None:
    each = f"""
    id: each
    tasks:
      - id: all
        type: io.kestra.plugin.core.flow.ForEach
        values: [1, 2]
        tasks:
          - id: call
            type: io.kestra.plugin.core.flow.Subflow
            namespace: {OTHER}
            flowId: called
    """
    async with Engine(flow(each), flow(CALLED), tenants=Rules()) as engine:
        assert (await engine.run()).state is State.FAILED
    assert SERVICE.calls == []


async def test_a_restart_has_the_rights_of_now() -> None:
    """Security case 81."""
    failing = CALLED.replace("name: it", "name: it, fail: 1")
    caller = CALLER.replace("wait: true", "wait: true\n        restartBehavior: RETRY_FAILED")
    rules = Rules("execute")
    async with Engine(flow(caller), flow(failing), tenants=rules) as engine:
        first = await engine.run()
        assert first.state is State.FAILED
        rules.granted.clear()
        await engine.commands.restart("main", first.id)
        again = await engine.end(first.id)
        assert again.state is State.FAILED
        replayed = await engine.commands.replay("main", first.id)
        assert (await engine.end(replayed.id)).state is State.FAILED
        assert len(SERVICE.calls) == 1, "nothing more was called"
        rules.granted.add("execute")
        await engine.commands.restart("main", first.id)
        assert (await engine.end(first.id)).state is State.SUCCESS


def on(task: str) -> str:
    return f"""
    id: f
    tasks:
      - id: t
        type: io.kestra.plugin.core.{task}
    """


KV = [
    f"kv.Set\n        namespace: {OTHER}\n        key: k\n        value: v",
    f"kv.Get\n        namespace: {OTHER}\n        key: k",
    f"kv.Delete\n        namespace: {OTHER}\n        key: k",
]
FILES = [
    f"namespace.DownloadFiles\n        namespace: {OTHER}\n        files: ['**']",
    f"namespace.DeleteFiles\n        namespace: {OTHER}\n        files: ['**']",
]


@pytest.mark.parametrize(
    ("task", "use"), [*((each, "kv") for each in KV), *((each, "files") for each in FILES)]
)
async def test_stores_of_others(task: str, use: Use) -> None:
    async with Engine(flow(on(task)), tenants=Rules()) as engine:
        assert (await engine.run()).state is State.FAILED
        assert f"{OTHER} does not let tests {use}" in told(engine)
    rules = Rules(use)
    async with Engine(flow(on(task)), tenants=rules) as engine:
        await engine.run()
        assert "does not let" not in told(engine)
    assert ("main", "tests", OTHER, use) in rules.asked


async def test_a_file_of_another_namespace_as_an_input() -> None:
    takes = flow("""
        id: f
        inputs: [{id: given, type: FILE}]
        tasks:
          - {id: t, type: core.debug.Return, format: "{{ inputs.given }}"}
    """)
    rules = Rules()
    async with Engine(takes, tenants=rules) as engine:
        for place in (OTHER, "tests"):
            await engine.parts.files.write("main", place, {"a.txt": b"held"}, reason="test")
        with pytest.raises(InvalidInputs, match="does not let tests files"):
            await engine.create(inputs={"given": f"nsfile://{OTHER}/a.txt"})
        assert (await engine.run(inputs={"given": "nsfile:///a.txt"})).state is State.SUCCESS
        rules.granted.add("files")
        given = f"nsfile://{OTHER}/a.txt"
        assert (await engine.run(inputs={"given": given})).state is State.SUCCESS


async def test_own_stores_ask_nobody() -> None:
    rules = Rules()
    async with Engine(
        flow(on("kv.Set\n        key: k\n        value: v")), tenants=rules
    ) as engine:
        assert (await engine.run()).state is State.SUCCESS
    assert rules.asked == []


async def test_keys_of_others_are_not_purged() -> None:
    source = on("kv.PurgeKV\n        expiredOnly: false")
    for rules, left in ((Rules(), [OTHER]), (Rules("kv"), [])):
        async with Engine(flow(source), tenants=rules) as engine:
            for namespace in ("tests", OTHER):
                pair = KeyValue("k", "STRING", "v", None, 1, 1, None)
                await engine.key_values.put("main", namespace, pair)
            assert (await engine.run()).state is State.SUCCESS
            assert [each.namespace for each in await engine.key_values.kept("main")] == left


PAUSED = f"""
    id: paused
    namespace: {OTHER}
    tasks:
      - {{id: wait, type: io.kestra.plugin.core.flow.Pause}}
"""
DOING = """
    id: f
    inputs: [{id: which, type: STRING}]
    tasks:
      - id: t
        type: io.kestra.plugin.core.execution.%s
        executionId: "{{ inputs.which }}"
"""


@pytest.mark.parametrize("verb", ["Kill", "Resume"])
async def test_executions_of_others_are_left_alone(verb: str) -> None:
    rules = Rules()
    async with Engine(flow(DOING % verb), flow(PAUSED), tenants=rules) as engine:
        other = await engine.create("paused", namespace=OTHER)
        await engine.until(other, lambda found: found.state is State.PAUSED)
        assert (await engine.run("f", inputs={"which": other})).state is State.FAILED
        assert engine.journal.execution(other).state is State.PAUSED
        rules.granted.add("executions")
        assert (await engine.run("f", inputs={"which": other})).state is State.SUCCESS
        await engine.end(other)


LATE = "2999-01-01T00:00:00Z"
QUERIES = [
    f"execution.Count\n        flows: [{{namespace: {OTHER}}}]\n        expression: 'true'",
    "execution.Count\n        namespaces: [vault]\n        expression: 'true'",
    f"execution.PurgeExecutions\n        namespace: vault\n        endDate: {LATE}",
    f"execution.PurgeExecutions\n        endDate: {LATE}",
    f"log.PurgeLogs\n        namespace: vault\n        endDate: {LATE}",
    f"log.PurgeLogs\n        endDate: {LATE}",
    f"trigger.Toggle\n        namespace: {OTHER}\n        flowId: called\n        trigger: x",
]


@pytest.mark.parametrize("task", QUERIES)
async def test_what_others_have_done_is_not_seen(task: str) -> None:
    async with Engine(flow(on(task)), flow(CALLED), tenants=Rules()) as engine:
        other = await engine.run("called", namespace=OTHER)
        ended = await engine.run("f")
        assert ended.state is State.FAILED
        assert "does not let tests executions" in told(engine)
        assert engine.journal.execution(other.id).state is State.SUCCESS


async def test_logs_of_others_are_not_fetched() -> None:
    logging = CALLED.replace("test.Effect, name: it", "io.kestra.plugin.core.log.Log, message: no")
    source = DOING.replace("core.execution.%s", "core.log.Fetch")
    rules = Rules()
    async with Engine(flow(source), flow(logging), tenants=rules) as engine:
        other = await engine.run("called", namespace=OTHER)
        assert (await engine.run("f", inputs={"which": other.id})).state is State.FAILED
        rules.granted.add("executions")
        assert (await engine.run("f", inputs={"which": other.id})).state is State.SUCCESS


async def test_keys_of_others_in_expressions() -> None:
    rules = Rules()
    async with Engine(flow(on("debug.Return")), tenants=rules) as engine:
        host = FlowHost(engine.parts, "main", "tests", set())
        with pytest.raises(Forbidden, match="does not let tests kv"):
            await host.fetch("kv", ("k", OTHER))
        assert await host.fetch("kv", ("k", None)) is None
        rules.granted.add("kv")
        assert await host.fetch("kv", ("k", OTHER)) is None


async def test_an_identity_is_that_of_the_namespace() -> None:
    """Security case 80: whatever started it, a trigger, a webhook or a person."""
    rules = Rules("execute")
    async with Engine(flow(CALLER), flow(CALLED), tenants=rules) as engine:
        trigger = {"id": "hook", "type": "x", "variables": {}}
        await engine.run("caller", trigger=trigger, labels=[("by", "somebody")])
    assert rules.asked == [("main", "tests", OTHER, "execute")]
    who = Identity(rules, "main", "tests")
    assert await who.may("tests", "kv")
    assert not await who.may(OTHER, "kv")
    with pytest.raises(Forbidden):
        await who.ask_all(["tests", OTHER], "kv")


async def test_a_quota_of_executions() -> None:
    rules = Rules()
    rules.shares["main"] = Share(executions=2)
    busy = flow(CALLED.replace("name: it", "name: it, hang: true"))
    async with Engine(busy, tenants=rules) as engine:
        for _ in range(2):
            await engine.create("called", namespace=OTHER)
        with pytest.raises(TooMany, match="2 executions of tenant main") as caught:
            await engine.create("called", namespace=OTHER)
        assert caught.value.details["retry_after"] == 1
        assert caught.value.status == 429


async def test_a_quota_holds_for_those_who_come_at_once() -> None:
    rules = Rules()
    rules.shares["main"] = Share(executions=40)  # more than begin at once
    busy = flow(CALLED.replace("name: it", "name: it, hang: true"))
    async with Engine(busy, tenants=rules) as engine:
        made = [engine.create("called", namespace=OTHER) for _ in range(100)]
        told = await asyncio.gather(*made, return_exceptions=True)
        assert sum(isinstance(each, TooMany) for each in told) == 60
        assert engine.executor.count("main") == 40


async def test_a_flow_trigger_reads_files_as_its_own_namespace() -> None:
    rules = Rules("trigger")
    async with Engine(flow(on("debug.Return")), flow(CALLED), tenants=rules) as engine:
        heard = await engine.run("called", namespace=OTHER)
        live = engine.executor.make(heard, flow(on("debug.Return")))
        answers = FileAnswers(live, engine.parts.storage, engine.parts.files, rules)
        with pytest.raises(Forbidden, match="does not let tests files"):
            await answers.read("a.txt", OTHER)


async def test_who_floods_a_full_node_does_not_lock_others_out() -> None:
    busy = flow(CALLED.replace("name: it", "name: it, hang: true"))
    other = flow(
        CALLED.replace("id: called", "id: acme").replace("name: it", "name: it, hang: true")
    )
    other = LoadedFlow(replace(other.revision, tenant="acme"), other.flow, other.source)
    async with Engine(busy, other, executions=4) as engine:

        async def create(tenant: str) -> None:
            new = NewExecution(tenant, OTHER, "acme" if tenant == "acme" else "called")
            await engine.commands.create(new)

        for _ in range(4):
            await create("main")
        with pytest.raises(TooMany, match="4 executions are running"):
            await create("main")
        await create("acme")
        await create("acme")
        with pytest.raises(TooMany):
            await create("acme")
        assert engine.executor.count() == 6
        assert (engine.executor.count("main"), engine.executor.count("acme")) == (4, 2)


async def test_children_are_not_refused_by_the_quota() -> None:
    rules = Rules("execute")
    rules.shares["main"] = Share(executions=1)
    async with Engine(flow(CALLER), flow(CALLED), tenants=rules) as engine:
        assert (await engine.run()).state is State.SUCCESS


async def test_a_flood_lets_another_tenant_through() -> None:
    """The order in which services are called: the other tenant's call is among the next ones."""
    many = flow("""
    id: many
    tasks:
      - id: all
        type: io.kestra.plugin.core.flow.ForEach
        values: "{{ range(1, 300) }}"
        concurrencyLimit: 0
        tasks: [{id: it, type: test.Effect, name: flood}]
    """)
    own = flow("""
    id: own
    tasks:
      - {id: one, type: test.Effect, name: small}
      - {id: two, type: test.Effect, name: small}
      - {id: three, type: test.Effect, name: small}
    """)
    own = LoadedFlow(replace(own.revision, tenant="acme"), own.flow, own.source)
    async with Engine(many, own, task_runs=1) as engine:
        flood = await engine.create("many")
        await engine.until(flood, lambda _: len(SERVICE.keys("flood")) > 20)
        made = await engine.commands.create(NewExecution("acme", "tests", "own"))
        before = len(SERVICE.keys("flood"))
        await engine.end(made.id)
        assert len(SERVICE.keys("flood")) - before <= 2 * 3 + 2, "one call of the flood for each"
        assert engine.journal.execution(flood).state is State.RUNNING
