"""One case: its execution, and what is made of it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.engine.creation import NewExecution
from app.engine.flow_tests.assertions import Judge, judged
from app.engine.flow_tests.engine import Bench, CaseEngine
from app.engine.flow_tests.mocks import mocked
from app.engine.preview import Previews
from app.engine.rendering import Renderer
from app.engine.renewal import renewed_id
from app.engine.suspects import Stepping
from app.errors import HeadwaterError
from app.executions import Execution, State, execution_id
from app.flows.unit_tests import TestCase, TriggerFixture
from app.flows.values import is_template
from app.ports import AssertionResult, CaseResult, LoadedFlow
from app.ports.flow_tests import Verdict

_FINE = frozenset({State.SUCCESS, State.WARNING})
_SCHEME = "kestra:///"
_FILES = "/_files/"


class CaseRun:
    """Runs one case."""

    def __init__(self, bench: Bench, loaded: LoadedFlow, case: TestCase, seconds: float) -> None:
        """Run `case` of a flow; it may take so many seconds."""
        flow = mocked(loaded.flow, case.fixtures.tasks).model_copy(update={"disabled": False})
        self._loaded = replace(loaded, flow=flow, plans={})
        self._case = case
        self._seconds = seconds
        files = {name: text.encode() for name, text in case.fixtures.files.items()}
        self._engine = CaseEngine(bench, self._loaded, files)

    async def result(self, line: int = 0) -> CaseResult:
        """Run it; `line` is where it stands in its document."""
        began = time.perf_counter()
        assertions: list[AssertionResult] = []
        try:
            async with asyncio.timeout(self._seconds):
                execution = await self._executed()
                assertions, errors = await self._judged(execution)
        except TimeoutError:
            errors = [f"the case took more than {self._seconds:g} seconds"]
        except HeadwaterError as error:
            errors = [error.message]
        finally:
            await self._engine.executor.stop(drain=0)
        state = _verdict(assertions, errors)
        seconds = time.perf_counter() - began
        return CaseResult(self._case.id, state, seconds, tuple(assertions), tuple(errors), line)

    # -- the execution ------------------------------------------------------------------------

    async def _executed(self) -> Execution:
        """Start the execution and return it when it is over, or when nothing moves any more."""
        wanted, revision = execution_id(), self._loaded.revision
        ended: asyncio.Queue[Execution] = asyncio.Queue()
        self._engine.executor.finished.heard.append(ended.put_nowait)
        trigger = self._case.fixtures.trigger
        await self._engine.commands.create(
            NewExecution(
                revision.tenant,
                revision.namespace,
                revision.flow_id,
                inputs=await self._inputs(),
                trigger=None if trigger is None else await self._trigger(trigger),
                id=wanted,
            )
        )
        over: dict[str, Execution] = {}
        while (execution := await self._next(ended)) is not None:
            if execution.over:
                over[execution.id] = execution
            while (found := over.get(wanted)) is not None:
                if found.state is not State.RETRIED or found.anew is None:
                    return found
                wanted = renewed_id(found)  # another one took its place
        return await self._engine.executor.get(wanted)

    async def _next(self, ended: asyncio.Queue[Execution]) -> Execution | None:
        """Return the next execution that ended, None when nothing moves any more."""
        async with asyncio.TaskGroup() as group:
            end = group.create_task(ended.get())
            stuck = group.create_task(self._engine.executor.stuck.wait())
            await asyncio.wait({end, stuck}, return_when=asyncio.FIRST_COMPLETED)
            found = end.result() if end.done() else None
            end.cancel()
            stuck.cancel()
        return found

    async def _inputs(self) -> Mapping[str, Any]:
        inputs = self._case.fixtures.inputs
        rendered = await self._rendered(inputs) if is_template(inputs) else inputs
        return {name: _namespace_file(value) for name, value in rendered.items()}

    async def _trigger(self, trigger: TriggerFixture) -> Mapping[str, Any]:
        variables = trigger.variables
        rendered = await self._rendered(variables) if is_template(variables) else variables
        declared = [each for each in self._loaded.flow.triggers if each.id == trigger.id]
        kind = trigger.type or next((each.type for each in declared), "")
        return {"id": trigger.id, "type": kind, "variables": rendered}

    async def _rendered(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        engine = self._engine
        previews = Previews(engine.executor, engine.environment, engine.clock)
        preview = await previews.of_flow(self._loaded, {})
        rendered: Mapping[str, Any] = await preview.deep(value)
        return rendered

    # -- what became of it --------------------------------------------------------------------

    async def _judged(self, execution: Execution) -> tuple[list[AssertionResult], list[str]]:
        live = self._engine.executor.make(execution, self._loaded, stored=True)
        renderer = Renderer(self._engine.environment(live), {}, Stepping(None, live))
        results, errors = await judged(Judge(live, renderer), self._case.assertions)
        if refused := self._engine.refusals.told:  # all else follows from it
            return results, _failures(execution, refused)
        if (state := self._state(execution)) is not None:
            results.insert(0, state)
        return results, errors

    def _state(self, execution: Execution) -> AssertionResult | None:
        """Return what is said of the state that the execution is in, None if nothing is.

        Without `expectedState` it must not fail, unless a fixture lets a task fail.
        """
        expected, actual = self._case.expected_state, execution.state
        if expected is not None:
            holds = actual.value == expected
        elif actual in _FINE or any(each.state == "FAILED" for each in self._case.fixtures.tasks):
            return None
        else:
            expected, holds = State.SUCCESS.value, False
        told = "" if holds else _explained(execution)
        return AssertionResult("expectedState", expected, actual.value, holds, message=told)


def _verdict(assertions: list[AssertionResult], errors: list[str]) -> Verdict:
    if errors:
        return "ERROR"
    return "SUCCESS" if all(each.success for each in assertions) else "FAILED"


def _explained(execution: Execution) -> str:
    """Return why an execution is in the state it is in."""
    if not execution.state.terminal:
        waiting = [run.task for run in execution.task_runs.values() if not run.ended]
        what = f"at the task {waiting[-1]}" if waiting else "for its turn"
        return f"the execution waits {what}, and nobody is there: give it a fixture"
    failed = [run for run in execution.task_runs.values() if run.state is State.FAILED]
    reasons = [f"task {run.task}: {run.error}" for run in failed if run.error]
    told = "; ".join(reasons) or execution.reason or "nothing tells why"
    return f"the execution ended as {execution.state.value}: {told}"


def _failures(execution: Execution, refused: list[str]) -> list[str]:
    """Return what was refused, with the tasks that it failed where that is known."""
    told: list[str] = []
    for message in refused:
        runs = execution.task_runs.values()
        named = [run.task for run in runs if run.error and message in run.error]
        told += [f"task {name}: {message}" for name in dict.fromkeys(named)] or [message]
    return told


def _namespace_file(value: Any) -> Any:
    """Return the address of a namespace file as inputs take it; any other value as it is."""
    if not isinstance(value, str) or not value.startswith(_SCHEME) or _FILES not in value:
        return value
    folder, _, name = value.removeprefix(_SCHEME).partition(_FILES)
    return f"nsfile://{folder.replace('/', '.')}/{name}"


def skipped(case: TestCase, line: int) -> CaseResult:
    """Return the result of a case that is disabled."""
    return CaseResult(case.id, "SKIPPED", 0.0, line=line)
