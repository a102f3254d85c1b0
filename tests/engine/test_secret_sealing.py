"""What executions keep of secrets: sealed where later tasks need it, asterisks for everybody."""

import base64
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import telemetry
from app.config import ExpressionSettings
from app.engine.host import environment_for
from app.engine.sealing import protected
from app.engine.secrecy import Secrets, clean
from app.executions import State
from app.flows.encryption import MASK, TRACED, Cipher, opened, veiled
from app.flows.inputs import InvalidInputs
from tests.engine.fakes import MemoryStorage
from tests.engine.harness import Engine, flow

SECRET = "canary-Zq7/x+"
CIPHER = Cipher(b"k" * 32)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(SECRET.encode()).decode())


def engine(*sources: str, **more: Any) -> Engine:
    made = Engine(*map(flow, sources), **{"cipher": CIPHER, **more})
    environment = environment_for(ExpressionSettings(), made.parts)
    made.executor._driver._environment = made.executor.inputs._environment = environment
    return made


def journal(made: Engine) -> str:
    """Everything that the journal and the logs keep."""
    kept = [
        [event.kept or event.data for event in events] for events in made.journal.events.values()
    ]
    return json.dumps([kept, made.journal.logs, made.journal.metrics], default=str)


def forms() -> set[str]:
    data = SECRET.encode()
    return {SECRET, base64.b64encode(data).decode(), data.hex(), "canary-Zq7%2Fx%2B"}


def assert_hidden(text: str) -> None:
    assert not [form for form in forms() if form in text]


async def test_outputs_are_sealed_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine("""
        id: f
        variables: {header: "Bearer {{ secret('TOKEN') }}"}
        outputs:
          - {id: out, type: STRING, value: "<{{ outputs.a.value }}>"}
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ render(vars.header) }}"}
          - {id: b, type: core.debug.Return, format: "{{ outputs.a.value | length }}"}
          - {id: c, type: test.Effect, name: "{{ outputs.a.value }}"}
          - id: d
            type: core.execution.SetVariables
            variables: {list: "{{ outputs.a.value }}"}
          - {id: e, type: core.debug.Return, format: "{{ vars.list | sha256 }}"}
    """)
    async with made:
        execution = await made.run()
    assert execution.state is State.SUCCESS, execution.reason
    runs = execution.task_runs
    assert (runs["/b"].outputs or {})["value"] == str(len("Bearer ") + len(SECRET))
    assert (runs["/e"].outputs or {})["value"] not in {"", MASK}
    assert veiled(runs["/a"].outputs) == {"value": f"Bearer {MASK}"}
    assert veiled(execution.outputs) == {"out": f"<Bearer {MASK}>"}
    assert veiled(execution.vars) == {"list": f"Bearer {MASK}"}
    assert_hidden(journal(made))


async def test_they_are_masked_after_a_restart_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who reads a sealed output knows again what is secret in it: here only a part of it."""
    source = """
        id: f
        tasks:
          - {id: a, type: core.debug.Return, format: "user {{ secret('TOKEN') }} at"}
          - {id: p, type: core.flow.Pause}
          - {id: l, type: core.log.Log, message: "{{ outputs.a.value | slice(5, 18) }}"}
          - {id: b, type: core.debug.Return, format: "{{ outputs.a.value | slice(0, 18) }}"}
    """
    first = engine(source)
    async with first:
        made = await first.create()
        await first.until(made, lambda execution: execution.state is State.PAUSED)
    monkeypatch.delenv("SECRET_TOKEN")
    second = engine(source, journal=first.journal)
    async with second:
        await second.commands.resume("main", made, {})
        execution = await second.end(made)
    assert execution.state is State.SUCCESS
    assert_hidden(journal(second))
    assert [line.message for line in second.journal.logs if line.task_id == "l"] == [MASK]


async def test_large_outputs_are_sealed_before_they_are_stored() -> None:
    storage = MemoryStorage()
    made = engine(
        """
        id: f
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ secret('TOKEN') }}{{ range(1, 4000) }}"}
          - {id: b, type: core.debug.Return, format: "{{ outputs.a.value | length > 9000 }}"}
        """,
        storage=storage,
        inline_outputs=1000,
    )
    async with made:
        execution = await made.run()
    assert (execution.task_runs["/b"].outputs or {})["value"] == "true"
    stored = [data for uri, data in storage.files.items() if "outputs" in uri]
    assert stored
    for data in stored:
        assert_hidden(data.decode())
        assert TRACED.encode() in data


async def test_inputs_of_subflows_are_sealed() -> None:
    made = engine(
        """
        id: parent
        tasks:
          - id: call
            type: core.flow.Subflow
            namespace: tests
            flowId: child
            wait: true
            inputs: {token: "{{ secret('TOKEN') }}", other: x}
          - {id: after, type: core.debug.Return, format: "{{ outputs.call.outputs.size }}"}
        """,
        """
        id: child
        inputs: [{id: token, type: STRING}, {id: other, type: STRING}]
        outputs: [{id: size, type: INT, value: "{{ inputs.token | length }}"}]
        tasks:
          - {id: say, type: core.log.Log, message: "it is {{ inputs.token }}"}
        """,
    )
    async with made:
        execution = await made.run("parent")
    assert execution.state is State.SUCCESS
    assert (execution.task_runs["/after"].outputs or {})["value"] == str(len(SECRET))
    assert_hidden(journal(made))
    child = next(
        made.journal.execution(each) for each in made.journal.events if each != execution.id
    )
    assert veiled(child.inputs) == {"token": MASK, "other": "x"}
    assert any(line.message == f"it is {MASK}" for line in made.journal.logs)


async def test_what_is_taken_out_of_subflows_is_sealed() -> None:
    made = engine(
        """
        id: parent
        tasks:
          - id: call
            type: core.flow.Subflow
            namespace: tests
            flowId: child
            wait: true
            outputs: {taken: "{{ outputs.get.value }}"}
          - id: after
            type: core.debug.Return
            format: "{{ outputs.call.outputs.taken | length }}"
        """,
        """
        id: child
        tasks:
          - {id: get, type: core.debug.Return, format: "{{ secret('TOKEN') }}"}
        """,
    )
    async with made:
        execution = await made.run("parent")
    assert (execution.task_runs["/after"].outputs or {})["value"] == str(len(SECRET))
    assert_hidden(journal(made))


async def test_values_of_loops_and_errors() -> None:
    made = engine("""
        id: f
        tasks:
          - id: fail
            type: core.flow.AllowFailure
            tasks:
              - {id: x, type: core.execution.Fail, errorMessage: "no {{ secret('TOKEN') }}"}
          - {id: bad, type: test.Effect, name: "{{ secret('TOKEN') }}", fail: 9}
    """)
    async with made:
        execution = await made.run()
    assert execution.state is State.FAILED
    assert_hidden(journal(made))


async def test_inputs_that_are_secret_by_default() -> None:
    made = engine("""
        id: f
        inputs:
          - {id: sealed, type: SECRET, defaults: "{{ secret('TOKEN') }}"}
          - {id: plain, type: STRING, defaults: "<{{ secret('TOKEN') }}>"}
        tasks:
          - id: a
            type: core.debug.Return
            format: "{{ inputs.sealed == inputs.plain | slice(1, 14) }}"
    """)
    async with made:
        execution = await made.run()
        loaded = await made.flows.current("main", "tests", "f")
        states = await made.executor.inputs.states(loaded, loaded.flow.inputs, {})
    assert (execution.task_runs["/a"].outputs or {})["value"] == "true"
    assert veiled(execution.inputs) == {"sealed": MASK, "plain": f"<{MASK}>"}
    assert [each.value for each in states] == [MASK, f"<{MASK}>"]
    assert_hidden(journal(made))


async def test_an_input_that_is_wrong_does_not_tell_it() -> None:
    made = engine("""
        id: f
        inputs: [{id: n, type: INT, defaults: "{{ secret('TOKEN') }}"}]
        tasks: [{id: a, type: core.debug.Return, format: x}]
    """)
    async with made:
        with pytest.raises(InvalidInputs) as raised:
            await made.create()
    assert_hidden(raised.value.message)
    assert MASK in raised.value.message


@pytest.mark.parametrize("values", ["[\"{{ secret('TOKEN') }}\"]", "{{ [outputs.r.value] }}"])
async def test_loops_over_secrets_are_refused(values: str) -> None:
    made = engine(f"""
        id: f
        tasks:
          - {{id: r, type: core.debug.Return, format: "{{{{ secret('TOKEN') }}}}"}}
          - id: each
            type: core.flow.ForEach
            values: >-
              {values}
            tasks: [{{id: a, type: core.debug.Return, format: x}}]
    """)
    async with made:
        execution = await made.run()
    assert execution.state is State.FAILED
    assert any(
        "a value of a loop may not hold a secret" in line.message for line in made.journal.logs
    )
    assert_hidden(journal(made))


async def test_without_a_key_they_are_masked_for_good() -> None:
    made = engine(
        """
        id: f
        tasks:
          - {id: a, type: core.debug.Return, format: "{{ secret('TOKEN') }}!"}
        """,
        cipher=None,
    )
    async with made:
        execution = await made.run()
    assert execution.task_runs["/a"].outputs == {"value": f"{MASK}!"}


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just(SECRET))
TREES = st.recursive(
    LEAVES | st.text(max_size=3).map(lambda text: f"{text}{SECRET}{text}"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.just(SECRET), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_whatever_is_sealed_opens_again(tree: Any) -> None:
    secrets = Secrets()
    secrets.add(SECRET)
    kept = protected({"value": tree}, secrets, CIPHER)
    assert SECRET not in json.dumps(kept, ensure_ascii=False)
    assert SECRET not in json.dumps(veiled(kept), ensure_ascii=False)
    found: set[str] = set()
    assert opened(kept, CIPHER, found) == {"value": tree}
    assert protected(kept, secrets, CIPHER) == kept
    if SECRET in json.dumps(tree):
        assert SECRET in found


def test_lines_of_the_service_show_none_that_is_in_memory() -> None:
    own = "known-to-this-test-77/x+"
    secrets = Secrets()
    secrets.add(own)
    stream = io.StringIO()
    telemetry.configure_logging(stream=stream, log_format="json")
    logger = telemetry.get_logger("tests")
    try:
        raise ValueError(f"https://x/?token={own}")
    except ValueError:
        logger.exception("a task type raised", url=f"https://x/{own}")
    assert own not in stream.getvalue()
    assert MASK in stream.getvalue()
    del secrets
    assert clean(own) == own


@pytest.mark.parametrize("value", [471100, {"pin": 471100}, [1, 471100], 47.11])
def test_a_secret_that_became_a_number_is_sealed(value: Any) -> None:
    secrets = Secrets()
    secrets.update(["471100", "47.11"])
    kept = protected({"held": value, "other": 5}, secrets, CIPHER)
    assert str(471100) not in json.dumps(veiled(kept))
    assert "47.11" not in json.dumps(veiled(kept))
    assert opened(kept, CIPHER, set()) == {"held": value, "other": 5}


async def test_what_a_task_has_set_asks_for_no_secret() -> None:
    """Else a webhook, whose body a task puts into a variable, would read the flow's secrets."""
    made = engine("""
        id: f
        inputs: [{id: sent, type: STRING}]
        variables: {own: "{{ secret('TOKEN') }}", taken: x}
        tasks:
          - id: set
            type: core.execution.SetVariables
            variables: {new: "{{ inputs.sent }}", taken: "{{ inputs.sent }}"}
          - {id: own, type: core.debug.Return, format: "{{ render(vars.own) | length }}"}
          - {id: new, type: core.debug.Return, format: "{{ render(vars.new) }}", allowFailure: true}
          - {id: all, type: core.debug.Return, format: "{{ render(vars) }}", allowFailure: true}
          - id: taken
            type: core.debug.Return
            format: "{{ render(vars['taken']) }}"
            allowFailure: true
    """)
    async with made:
        execution = await made.run(inputs={"sent": "{{ secret('TOKEN') }}"})
    runs = execution.task_runs
    assert (runs["/own"].outputs or {})["value"] == str(len(SECRET))
    assert {runs[f"/{name}"].state for name in ("new", "all", "taken")} == {State.WARNING}
    assert TRACED not in str([runs[f"/{name}"].outputs for name in ("new", "all", "taken")])
