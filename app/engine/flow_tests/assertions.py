"""Assertions, evaluated when the execution has ended."""

from collections.abc import Sequence
from typing import Any

from app.engine.flow_tests.operators import COMPARISONS, text_of
from app.engine.inputs import find_task
from app.engine.live import Live
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope
from app.errors import Conflict, HeadwaterError, MissingVariable, NotFound
from app.flows.unit_tests import Assertion
from app.flows.values import is_template
from app.ports import AssertionResult

_NULLS = frozenset({"isNull", "isNotNull"})


class Judge:
    """Holds what an execution has become against assertions."""

    def __init__(self, live: Live, renderer: Renderer) -> None:
        """Judge `live`, which has ended, or waits for what does not come."""
        self._live = live
        self._renderer = renderer
        self._scope = Scope(live)

    async def results(self, assertion: Assertion) -> list[AssertionResult]:
        """Return what became of each operator of an assertion.

        Raises:
            HeadwaterError: when it cannot be evaluated.
        """
        seen = self._variables(assertion.task_id)
        operators = list(assertion.operators())
        only_null = all(name in _NULLS for name, _ in operators)
        actual = await self._actual(assertion.value, seen, only_null=only_null)
        description = await self._renderer.text(assertion.description or "", seen)
        message = await self._renderer.text(assertion.error_message or "", seen)
        found: list[AssertionResult] = []
        for name, written in operators:
            expected = await self._value(written, seen)
            holds = COMPARISONS[name](actual, expected)
            told = "" if holds else message or _told(name, actual, expected)
            found.append(
                AssertionResult(
                    name, expected, actual, holds, assertion.task_id or "", description, told
                )
            )
        return found

    async def _actual(self, value: Any, seen: dict[str, Any], *, only_null: bool) -> Any:
        try:
            return await self._value(value, seen)
        except MissingVariable:
            if only_null:
                return None
            raise

    async def _value(self, value: Any, seen: dict[str, Any]) -> Any:
        """Return a value rendered; one single expression gives what it stands for."""
        return await self._renderer.typed(value, seen) if is_template(value) else value

    def _variables(self, task_id: str | None) -> dict[str, Any]:
        execution = self._live.execution
        if task_id is None:
            variables = self._scope.variables()
            variables.setdefault("outputs", {})
        else:
            variables = self._of_task(task_id)
        if execution.outputs is not None:
            outputs = self._live.revealed(execution.outputs)
            variables["execution"] = {**variables["execution"], "outputs": outputs}
        return variables

    def _of_task(self, task_id: str) -> dict[str, Any]:
        runs = [run for run in self._live.execution.task_runs.values() if run.task == task_id]
        if not runs:
            message = f"the task {task_id} did not run"
            raise NotFound(message)
        run = runs[-1]
        try:
            task = find_task(self._live.loaded, task_id)
        except Conflict as error:
            raise NotFound(error.message) from None
        return self._scope.of_task(task, run.path, run.id, run.parent, run.value)


def _told(operator: str, actual: Any, expected: Any) -> str:
    words = operator if operator in _NULLS else f"{operator} {_shown(expected)}"
    return f"{_shown(actual)} does not hold: {words}"


def _shown(value: Any) -> str:
    text = text_of(value)
    shown = text if len(text) <= 200 else f"{text[:200]}…"
    return "null" if value is None else f"`{shown}`"


async def judged(
    judge: Judge, assertions: Sequence[Assertion]
) -> tuple[list[AssertionResult], list[str]]:
    """Return the results of all assertions, and why some could not be evaluated."""
    results: list[AssertionResult] = []
    errors: list[str] = []
    for number, assertion in enumerate(assertions, 1):
        try:
            results += await judge.results(assertion)
        except HeadwaterError as error:
            errors.append(f"assertion {number} cannot be evaluated: {reason(error)}")
    return results, errors
