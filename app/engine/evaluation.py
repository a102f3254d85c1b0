"""Evaluating an expression in the place of an execution, for people who look for a mistake.

Secrets are never shown: `secret()` yields asterisks, and so do inputs of the type SECRET and all
that is sealed because a secret was found in it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.engine.executor import Executor
from app.engine.host_files import folder_named
from app.engine.inputs import find_task
from app.engine.live import Live
from app.engine.scope import Scope
from app.engine.secrecy import masked
from app.errors import Conflict, ExpressionError, Forbidden, NotFound
from app.executions import Execution, TaskRun
from app.expressions import Environment, Pending, compile_template, render_async
from app.flows.declarations import SecretInput
from app.flows.keyvalues import lineage
from app.ports import LoadedFlow

MASK = "******"
_SECONDS = 20.0


May = Callable[[str, str | None], bool]
"""Whether whoever asks may use a function (None: in the execution's own namespace)."""

_NAMING = frozenset({"kv", "read", "fileSize", "fileExists"})
"""Functions whose second argument is a namespace."""


class _Veiled:
    """A host that tells no secrets, and nothing that whoever asks may not read."""

    def __init__(self, host: Any, may: May, namespace: str) -> None:
        self._host = host
        self._may = may
        self._namespace = namespace

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "secret":  # not asked for: what is masked in the answer would tell who guesses
            return MASK
        return self._host.answer(name, arguments)

    def may_read(self, uri: str) -> bool:
        return bool(self._host.may_read(uri))

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if not self._may(name, _named(name, arguments)):
            message = f"you may not use {name}() here"
            raise Forbidden(message)
        if name == "kv" and _named(name, arguments) is None:
            return await self._inherited(arguments[0])
        return await self._host.fetch(name, arguments)

    async def _inherited(self, key: Any) -> Any:
        """Return a value of the namespace, or of those above it that whoever asks may read."""
        for place in lineage(self._namespace):
            if self._may("kv", place):
                found = await self._host.fetch("kv", (key, place))
                if found is not None:
                    return found
        return None


def _named(name: str, arguments: tuple[Any, ...]) -> str | None:
    """Return the namespace that a function is asked about by name, None for the own one."""
    if name not in _NAMING:
        return None
    first, *more = (str(each) if each else None for each in arguments)
    return folder_named(first or "") or (more[0] if more else None)


class Evaluations:
    """Evaluates expressions in the context of executions, running or ended."""

    def __init__(self, executor: Executor, environment: Callable[[Live], Environment]) -> None:
        """Make the context as `executor` would, with the functions of `environment`."""
        self._executor = executor
        self._environment = environment

    async def evaluate(
        self,
        execution: Execution,
        loaded: LoadedFlow,
        expression: str,
        task_run_id: str | None = None,
        may: May = lambda _, __: True,
    ) -> str:
        """Return the text that an expression becomes, as the task run (None: the flow) sees it.

        What functions bring is only what `may` says.

        Raises:
            NotFound: when there is no such task run.
            ExpressionError: when it cannot be read or evaluated.
        """
        live = await self._executor.surrounded(self._executor.make(execution, loaded))
        live.veil()  # or a secret of an output were told by turning it around
        variables = _variables(live, task_run_id)
        _veil(variables, loaded)
        environment = self._environment(live)
        host = _Veiled(environment.host, may, live.place[1])
        environment = replace(environment, host=host)
        try:
            async with asyncio.timeout(_SECONDS):
                text = await _rendered(expression, variables, environment)
        except TimeoutError:
            message = f"the expression took more than {_SECONDS:g} seconds"
            raise ExpressionError(message) from None
        return masked(text, live.secrets)


async def _rendered(expression: str, variables: dict[str, Any], environment: Environment) -> str:
    def render() -> str:
        return compile_template(expression).render(variables, environment)

    try:
        return await asyncio.to_thread(render)
    except Pending:
        return str(await render_async(expression, variables, environment))


def _variables(live: Live, task_run_id: str | None) -> dict[str, Any]:
    scope = Scope(live)
    if task_run_id is None:
        return scope.variables()
    run = _run(live.execution, task_run_id)
    try:
        task = find_task(live.loaded, run.task)
    except Conflict:
        return scope.variables()  # the flow at this revision does not have the task any more
    return scope.of_task(task, run.path, run.id, run.parent, run.value)


def _run(execution: Execution, task_run_id: str) -> TaskRun:
    for run in execution.task_runs.values():
        if run.id == task_run_id:
            return run
    message = f"execution {execution.id} has no task run {task_run_id}"
    raise NotFound(message)


def _veil(variables: dict[str, Any], loaded: LoadedFlow) -> None:
    """Put asterisks in the place of secret inputs."""
    names = [each.id for each in loaded.flow.inputs if isinstance(each, SecretInput)]
    for name in names:
        variables["inputs"] = _masked(variables.get("inputs") or {}, name.split("."))


def _masked(inputs: dict[str, Any], path: list[str]) -> dict[str, Any]:
    first, *rest = path
    if first not in inputs:
        return inputs
    below = inputs[first]
    inner = _masked(below, rest) if rest and isinstance(below, dict) else MASK
    return {**inputs, first: inner}
