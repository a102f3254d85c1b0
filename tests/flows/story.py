"""Plays a case of the flow corpus on a running node."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from app.engine.commands import NewExecution
from app.engine.uris import execution_files
from app.errors import HeadwaterError
from app.executions import Execution, State, execution_id
from app.node import Node
from app.ports import LogQuery
from app.triggers.webhooks import WebhookCall
from tests.flows.cases import Case, differences

PATIENCE = 20
_TERMINAL = {state.value for state in State if state.terminal}


class Story:
    """One case on its way: executions by the names that steps give them."""

    def __init__(self, node: Node, case: Case) -> None:
        self.node = node
        self.case = case
        self.executions: dict[str, str] = {}

    async def play(self) -> list[str]:
        """Do all that the case says; return what was not as expected."""
        problems: list[str] = []
        if self.case.start is not None:
            try:
                self.executions["main"] = (await self._create(self.case.start)).id
            except HeadwaterError as error:
                return self._refused(error)
        for step in self.case.steps:
            problems += await self._step(dict(step))
        if not problems and self.case.expect and "main" in self.executions:
            problems += await self._check(self.case.expect)
        return problems

    def _refused(self, error: HeadwaterError) -> list[str]:
        expected = self.case.expect.get("refused")
        if expected is None:
            return [f"refused: {error.message}"]
        return differences({"$contains": expected}, error.message, "refused")

    async def _create(self, start: Mapping[str, Any]) -> Execution:
        return await self.node.commands.create(
            NewExecution(
                "main", "corpus", start.get("flow", self.case.flow),
                inputs=dict(start.get("inputs", {})),
                labels=list(start.get("labels", {}).items()),
                revision=start.get("revision"),
            )
        )  # fmt: skip

    # -- steps --------------------------------------------------------------------------------

    async def _step(self, step: dict[str, Any]) -> list[str]:
        """Wait for what the step waits for, then do it."""
        name = step.pop("of", "main")
        if (state := step.pop("when", None)) is not None:
            await self._until(name, lambda found: found.state.value == state)
        verb = step.pop("do", None)
        refused = step.pop("refused", None)
        if verb is None:
            return []
        act = getattr(self, "do_" + verb.replace("-", "_"))
        try:
            await act(name, step)
        except HeadwaterError as error:
            if refused is None:
                return [f"{verb}: {error.message}"]
            return differences({"$contains": refused}, error.message, verb)
        return [f"{verb} was not refused"] if refused is not None else []

    async def do_resume(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.resume("main", self.executions[name], step.get("inputs", {}))

    async def do_pause(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.pause("main", self.executions[name])

    async def do_kill(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.kill(
            "main", self.executions[name], cascade=step.get("cascade", True)
        )

    async def do_restart(self, name: str, step: dict[str, Any]) -> None:
        made = await self.node.commands.restart(
            "main", self.executions[name], revision=step.get("revision")
        )
        self.executions[step.get("as", name)] = made.id

    async def do_replay(self, name: str, step: dict[str, Any]) -> None:
        run_id = None
        if "task" in step:
            execution = await self._get(name)
            run_id = next(
                run.id
                for run in execution.task_runs.values()
                if run.task == step["task"] and step.get("value") in (None, run.value)
            )
        made = await self.node.commands.replay(
            "main",
            self.executions[name],
            task_run_id=run_id,
            revision=step.get("revision"),
            inputs=step.get("inputs"),
        )
        self.executions[step.get("as", name)] = made.id

    async def do_set_state(self, name: str, step: dict[str, Any]) -> None:
        execution = await self._get(name)
        run = next(each for each in execution.task_runs.values() if each.task == step["task"])
        await self.node.commands.change_task_run("main", execution.id, run.id, State(step["state"]))

    async def do_change_status(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.change_status("main", self.executions[name], State(step["state"]))

    async def do_labels(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.label("main", self.executions[name], [*step["labels"].items()])

    async def do_unqueue(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.unqueue("main", self.executions[name])

    async def do_force_run(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.force_run("main", self.executions[name])

    async def do_delete(self, name: str, step: dict[str, Any]) -> None:
        await self.node.commands.delete("main", self.executions[name])

    async def do_start(self, name: str, step: dict[str, Any]) -> None:
        made = await self._create(step)
        self.executions[step["as"]] = made.id

    async def do_upload(self, name: str, step: dict[str, Any]) -> None:
        """Start an execution with files, as an upload through the API does."""
        made_id = execution_id()
        inputs = dict(step.get("inputs", {}))
        for key, text in step["files"].items():
            home = execution_files("corpus", self.case.flow, made_id)
            inputs[key] = f"{home}/inputs/{key}/file.txt"
            await self.node.storage.put(inputs[key], _once(text.encode()))
        new = NewExecution("main", "corpus", self.case.flow, inputs=inputs, id=made_id)
        self.executions[step["as"]] = (await self.node.commands.create(new)).id

    async def do_start_with(self, name: str, step: dict[str, Any]) -> None:
        """Start a flow that gets the id of an execution as an input."""
        inputs = {step["input"]: self.executions[name]}
        new = NewExecution("main", "corpus", step["flow"], inputs=inputs)
        self.executions[step["as"]] = (await self.node.commands.create(new)).id

    async def do_call_webhook(self, name: str, step: dict[str, Any]) -> None:
        """Call the flow's webhook."""
        call = WebhookCall(
            "main",
            "corpus",
            self.case.flow,
            step["key"],
            "127.0.0.1",
            step["body"].encode(),
            {"x-own": ["own"]},
            {"q": ["yes"]},
        )
        started = await self.node.webhooks.receive(call)
        assert started.execution is not None
        self.executions[step["as"]] = started.execution.id

    async def do_await_started(self, name: str, step: dict[str, Any]) -> None:
        """Wait for an execution of another flow, started by whatever starts it."""
        self.executions[step["as"]] = await self._find_started(step["flow"], step.get("number", 0))

    async def do_expect(self, name: str, step: dict[str, Any]) -> None:
        wrong = await self._check(step, name)
        if wrong:
            raise AssertionError("; ".join(wrong))

    # -- looking ------------------------------------------------------------------------------

    async def _get(self, name: str) -> Execution:
        return await self.node.executor.get(self.executions[name])

    async def _until(self, name: str, wanted: Callable[[Execution], bool]) -> Execution:
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    execution = await self._get(name)
                    if wanted(execution):
                        return execution
                    await asyncio.sleep(0.02)
        except TimeoutError:
            states = {run.path: run.state.value for run in execution.task_runs.values()}
            message = f"{self.case.name}: {name} is {execution.state} for {PATIENCE} s: {states}"
            raise AssertionError(message) from None

    async def _find_started(self, flow: str, number: int) -> str:
        query = f"flow_id = '{flow}'"
        async with asyncio.timeout(PATIENCE):
            while True:
                rows = await self.node.database.fetch_sql(
                    f"SELECT id FROM execution WHERE {query} ORDER BY created_at, id"
                )
                if len(rows) > number:
                    return str(rows[number].id)
                await asyncio.sleep(0.02)

    async def _check(self, expect: Mapping[str, Any], name: str = "main") -> list[str]:
        of = expect.get("of", name)
        state = expect.get("state")
        wanted = {state} if state else _TERMINAL
        execution = await self._until(of, lambda found: found.state.value in wanted and (
            found.over or found.state.value not in _TERMINAL))  # fmt: skip
        lines = []
        for key, value in expect.items():
            if key not in ("of", "state"):
                found = await self._aspect(key, execution)
                lines += differences(value, found, key)
                if key == "runs":
                    lines += [f"runs: {task} ran too" for task in found if task not in value]
        return lines

    async def _aspect(self, key: str, execution: Execution) -> Any:
        return await getattr(self, f"see_{key}")(execution)

    async def see_runs(self, execution: Execution) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for run in execution.task_runs.values():
            states = found.setdefault(run.task, [])
            states.append(run.state.value)
        return {task: each[0] if len(each) == 1 else each for task, each in found.items()}

    async def see_outputs(self, execution: Execution) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for run in execution.task_runs.values():
            outputs = run.outputs or {}
            if run.task in found:
                several = found[run.task]
                found[run.task] = [*(several if isinstance(several, list) else [several]), outputs]
            else:
                found[run.task] = outputs
        return found

    async def see_returns(self, execution: Execution) -> Any:
        return execution.outputs or {}

    async def see_inputs(self, execution: Execution) -> Any:
        return execution.inputs

    async def see_values(self, execution: Execution) -> dict[str, list[str | None]]:
        found: dict[str, list[str | None]] = {}
        for run in execution.task_runs.values():
            found.setdefault(run.task, []).append(run.value)
        return found

    async def see_attempts(self, execution: Execution) -> dict[str, int]:
        return {run.task: len(run.attempts) for run in execution.task_runs.values()}

    async def see_history(self, execution: Execution) -> list[str]:
        return [moment.state.value for moment in execution.histories]

    async def see_histories(self, execution: Execution) -> dict[str, list[str]]:
        runs = execution.task_runs.values()
        return {run.task: [moment.state.value for moment in run.histories] for run in runs}

    async def see_labels(self, execution: Execution) -> dict[str, str]:
        return dict(execution.labels)

    async def see_reason(self, execution: Execution) -> str:
        return execution.reason or ""

    async def see_error(self, execution: Execution) -> dict[str, str | None]:
        return {run.task: run.error for run in execution.task_runs.values()}

    async def see_count(self, execution: Execution) -> int:
        return len(execution.task_runs)

    async def see_trigger(self, execution: Execution) -> Any:
        return execution.trigger or {}

    async def see_lineage(self, execution: Execution) -> dict[str, str | None]:
        names = {number: name for name, number in self.executions.items()}
        return {
            "parent": names.get(execution.parent_id or "", execution.parent_id),
            "original": names.get(execution.original_id or "", execution.original_id),
        }

    async def see_logs(self, execution: Execution) -> Any:
        self.node.sink.flush()
        await self.node.database.fetch_sql("SELECT 1")
        await asyncio.sleep(0.05)
        found = await self.node.logs.find(LogQuery("main", execution_id=execution.id))
        return _Lines([re.sub(r"\s+$", "", row.message) for row in found])

    async def see_file(self, execution: Execution) -> "_Stored":
        stored = _Stored()
        for run in execution.task_runs.values():
            for key, value in _flat(run.outputs or {}):
                if isinstance(value, str) and value.startswith("kestra://"):
                    chunks = [chunk async for chunk in self.node.storage.get(value)]
                    stored[f"{run.task}.{key}"] = b"".join(chunks).decode()
        return stored


class _Lines(list[str]):
    """Log lines; `$contains` looks for a line that has the text."""

    def __contains__(self, text: object) -> bool:
        return any(str(text) in line for line in self)


class _Stored(dict[str, str]):
    """Contents of files by `task.output`."""


def _flat(value: Any, place: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [each for key, item in value.items() for each in _flat(item, f"{place}{key}.")]
    if isinstance(value, list):
        pairs = enumerate(value)
        return [each for number, item in pairs for each in _flat(item, f"{place}{number}.")]
    return [(place.removesuffix("."), value)]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
