"""A crash anywhere, repeated, ends in the same state as a run without one (architecture §1.2)."""

import asyncio
from collections import Counter
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.executions import Execution, Kind, State
from tests.engine.fakes import FakeClock, MemoryJournal, MemoryStorage
from tests.engine.harness import PATIENCE, SERVICE, Engine, flow

RETRY = {"type": "constant", "interval": "PT0.001S", "maxAttempts": 3}


class Names:
    """Gives every task of a drawn flow an id of its own."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return f"t{self.count}"


@st.composite
def tasks(draw: st.DrawFn, names: Names, depth: int) -> list[dict[str, Any]]:
    """Draw a list of tasks, flowables nested up to `depth`."""
    return [draw(task(names, depth)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def task(draw: st.DrawFn, names: Names, depth: int) -> dict[str, Any]:
    """Draw one task."""
    own: dict[str, Any] = {"id": names.next()}
    kinds = ["effect", "effect", "flaky", "return", "skipped", "sleep", "allowed"]
    if depth:
        kinds += ["sequential", "parallel", "each", "if", "switch", "leave", *NESTED]
    kind = draw(st.sampled_from(kinds))
    if kind in NESTED:
        return own | draw(nested(kind, names, depth))
    match kind:
        case "leave":
            own |= {"type": "test.Leave", "state": "CANCELLED"}
        case "effect":
            own |= {"type": "test.Effect", "name": own["id"]}
        case "flaky":
            fail = draw(st.integers(1, 3))
            own |= {"type": "test.Effect", "name": own["id"], "fail": fail, "retry": RETRY,
                    "unknown": draw(st.booleans())}  # fmt: skip
        case "allowed":
            own |= {"type": "core.execution.Fail", "allowFailure": True}
        case "return":
            own |= {"type": "core.debug.Return", "format": "{{ taskrun.value ?? 'v' }}"}
        case "skipped":
            own |= {"type": "test.Effect", "name": own["id"], "runIf": "{{ false }}"}
        case "sleep":
            own |= {"type": "core.flow.Sleep", "duration": "PT0.001S"}
        case "sequential":
            own |= {"type": "core.flow.Sequential", "tasks": draw(tasks(names, depth - 1))}
            if draw(st.booleans()):
                own["errors"] = draw(tasks(names, 0))
        case "parallel":
            own |= {"type": "core.flow.Parallel", "tasks": draw(tasks(names, depth - 1)),
                    "concurrent": draw(st.integers(0, 2))}  # fmt: skip
        case "each":
            own |= {"type": "core.flow.ForEach", "values": ["x", "y", "z"],
                    "concurrencyLimit": draw(st.integers(0, 2)),
                    "tasks": draw(tasks(names, depth - 1))}  # fmt: skip
        case "if":
            condition = draw(st.sampled_from(["0", "1"]))
            own |= {"type": "core.flow.If", "condition": condition,
                    "then": draw(tasks(names, depth - 1)),
                    "else": draw(tasks(names, 0))}  # fmt: skip
        case "switch":
            own |= {"type": "core.flow.Switch", "value": "a",
                    "cases": {"a": draw(tasks(names, depth - 1))}}  # fmt: skip
    return own


NESTED = ("dag", "until", "loop", "apart", "group")


@st.composite
def nested(draw: st.DrawFn, kind: str, names: Names, depth: int) -> dict[str, Any]:
    """Draw the properties of one of the rarer flowables."""
    inner, limit = draw(tasks(names, depth - 1)), draw(st.integers(0, 2))
    match kind:
        case "dag":
            ids = [each["id"] for each in inner]
            needs = [draw(st.lists(st.sampled_from(ids[:at]), unique=True)) if at else []
                     for at in range(len(ids))]  # fmt: skip
            return {"type": "core.flow.Dag", "concurrent": limit, "tasks": [
                {"task": one, "dependsOn": need} for one, need in zip(inner, needs, strict=True)
            ]}  # fmt: skip
        case "until":
            often = {"interval": "PT0.001S", "maxIterations": draw(st.integers(1, 3))}
            return {"type": "core.flow.LoopUntil", "condition": "{{ false }}",
                    "checkFrequency": often, "tasks": inner}  # fmt: skip
        case "loop":
            return {"type": "core.flow.Loop", "values": [1, 2], "concurrencyLimit": limit,
                    "tasks": inner, "outputs": [{"id": "out", "value": "{{ item.index }}"}],
                    "finally": draw(tasks(names, 0))}  # fmt: skip
        case "apart":
            return {"type": "core.flow.EachParallel", "value": ["x", "y"], "concurrent": limit,
                    "tasks": inner}  # fmt: skip
        case _:
            return {"type": "core.flow.AllowFailure", "tasks": inner}


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a flow."""
    names = Names()
    document = {"id": "drawn", "namespace": "tests", "tasks": draw(tasks(names, 3))}
    if draw(st.booleans()):
        document["errors"] = draw(tasks(names, 1))
    if draw(st.booleans()):
        document["finally"] = draw(tasks(names, 0))
    return document


def outcome(execution: Execution) -> tuple[Any, ...]:
    """What must not depend on crashes: states of all task runs (whatever their order)."""
    runs = {path: run.state for path, run in execution.task_runs.items()}
    return execution.state, runs


async def lives(document: dict[str, Any], crashes: list[int]) -> tuple[Execution, MemoryJournal]:
    """Run a flow through the given crashes (events until each); return how it ended."""
    SERVICE.failures.clear()
    loaded = flow(yaml.safe_dump(document))
    journal, clock, storage = MemoryJournal(), FakeClock(), MemoryStorage()
    made = None
    for crash in [*crashes, None]:
        journal.crash_at = None if crash is None else journal.count + crash
        journal.crashed.clear()
        engine = Engine(loaded, journal=journal, clock=clock, storage=storage)
        async with engine:
            if made is None or made not in journal.events:
                creating = asyncio.create_task(engine.create("drawn"))
                await asyncio.wait(
                    [creating, asyncio.create_task(journal.crashed.wait())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not creating.done():
                    creating.cancel()
                    made = next(iter(journal.events), None)
                    continue
                made = creating.result()
            if crash is None:
                break_at = asyncio.create_task(ended(journal, made))
                await asyncio.wait_for(break_at, PATIENCE)
            else:
                waits = [asyncio.create_task(each) for each in
                         (ended(journal, made), journal.crashed.wait())]  # fmt: skip
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=10)
                for each in waits:
                    each.cancel()
    assert made is not None
    return journal.execution(made), journal


async def ended(journal: MemoryJournal, made: str) -> None:
    while not (journal.events.get(made) and journal.execution(made).state.terminal):
        await asyncio.sleep(0.001)


def check(journal: MemoryJournal, execution: Execution) -> None:
    """The invariants of a journal (contract J1, S2, S3, A1, F1, F3)."""
    events = journal.events[execution.id]
    over: set[str] = set()
    terminal = 0
    for event in events:
        assert terminal == 0, "nothing follows the end"
        if event.kind is Kind.MOVED and event.to and event.to.terminal:
            terminal += 1
        if event.path:
            assert event.path not in over, f"{event.path} went on after its end"
            if event.kind is Kind.ENDED:
                over.add(event.path)
    assert terminal == 1
    keys = Counter(key for _, key, _ in SERVICE.calls if key.startswith(execution.id))
    runs = {run.id: run for run in execution.task_runs.values()}
    for key, sent in keys.items():
        _, run_id, attempt = key.split(".")
        if (run := runs.get(run_id)) is None:
            continue  # of a round that is over
        tries = [each for each in run.attempts if each.number == int(attempt)]
        assert tries, "no effect without a journalled attempt"
        assert sent <= tries[-1].delivery


@settings(max_examples=60)
@given(flows(), st.lists(st.integers(1, 25), max_size=6))
def test_a_crash_anywhere_changes_nothing(document: dict[str, Any], crashes: list[int]) -> None:
    async def both() -> None:
        calm, journal = await lives(document, [])
        check(journal, calm)
        crashed, journal = await lives(document, crashes)
        check(journal, crashed)
        # A flow that fails may do so at another task: side by side, and by failures that are lost.
        failed = any(run.state is State.FAILED for run in calm.task_runs.values())
        if not failed and calm.state is not State.CANCELLED:
            assert outcome(crashed) == outcome(calm)

    asyncio.run(both())
