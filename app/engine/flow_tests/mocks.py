"""Mocked tasks: they take the place of the tasks that a case has fixtures for.

The flow itself is rewritten, so that a mock is skipped, allowed to fail and put into rounds like
the task it stands for. A fixture with a `value` is for the round of that value only; in all others
the task is what it was.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

from app.executions import State
from app.flows.model import Flow, Model, Task
from app.flows.unit_tests import TaskFixture
from app.plugins.api import Finished, Flowable, RunContext, Runnable, TaskFailed, Walker

M = TypeVar("M", bound=Model)

_FILES = "/_files/"
_SCHEME = "kestra:///"


class Stand(NamedTuple):
    """The fixtures of a task, and the task itself for rounds that none of them is for."""

    fixtures: Sequence[TaskFixture]
    task: Task

    def fixture(self, value: str | None) -> TaskFixture | None:
        """Return the fixture for a round: one of its value, else one for all."""
        exact = [each for each in self.fixtures if each.value is not None and each.value == value]
        general = [each for each in self.fixtures if each.value is None]
        return next(iter([*exact, *general]), None)

    @property
    def whole(self) -> bool:
        """Whether the task is mocked in every round."""
        return any(each.value is None for each in self.fixtures)


class MockedTask(Runnable):
    """A mocked task that does one thing."""

    type_name = "mocked"
    effects: ClassVar[bool] = False

    stand: Any

    async def run(self, ctx: RunContext) -> Mapping[str, Any] | Finished | None:
        """End as the fixture says; without one for this round, run the task.

        Raises:
            TaskFailed: when it is to fail.
        """
        fixture = self.stand.fixture(_value(ctx.variables))
        if fixture is None:
            task = await ctx.render_model(self.stand.task)
            result: Mapping[str, Any] | Finished | None = await task.run(ctx)
            return result
        outputs = await _outputs(fixture, ctx.render, ctx)
        state = State(fixture.state)
        if state is State.FAILED:
            raise TaskFailed(_told(fixture), outputs=outputs)
        return Finished(outputs, state)


class MockedFlowable(Flowable):
    """A mocked task that has children: none of them runs."""

    type_name = "mocked"

    stand: Any

    async def walk(self, walker: Walker) -> State:
        """End as the fixture says; without one for this round, walk the task."""
        ctx = walker.context
        fixture = self.stand.fixture(_value(ctx.variables))
        if fixture is None:
            state: State = await self.stand.task.walk(walker)
            return state
        if outputs := await _outputs(fixture, walker.render, ctx):
            walker.output(outputs)
        state = State(fixture.state)
        if state is State.FAILED:
            raise TaskFailed(_told(fixture))
        return state


class MockedCall(MockedFlowable):
    """A mocked task that starts another flow; its runs count as attempts."""

    attempts: ClassVar[bool] = True


def mocked(flow: Flow, fixtures: Sequence[TaskFixture]) -> Flow:
    """Return the flow with mocks in the place of the tasks that have fixtures."""
    by_id: dict[str, list[TaskFixture]] = defaultdict(list)
    for each in fixtures:
        by_id[each.id].append(each)
    return _replaced_in(flow, by_id) if by_id else flow


def _replaced(value: Any, fixtures: Mapping[str, Sequence[TaskFixture]]) -> Any:
    if isinstance(value, Task):
        inner = _replaced_in(value, fixtures)
        return _mock(Stand(fixtures[value.id], inner)) if value.id in fixtures else inner
    if isinstance(value, Model):
        return _replaced_in(value, fixtures)
    if isinstance(value, list) and value:
        return [_replaced(each, fixtures) for each in value]
    if isinstance(value, dict) and value:
        return {key: _replaced(each, fixtures) for key, each in value.items()}
    return value


def _replaced_in(model: M, fixtures: Mapping[str, Sequence[TaskFixture]]) -> M:
    changed = {
        name: new
        for name, old in model.__dict__.items()
        if isinstance(old, list | dict | Model) and (new := _replaced(old, fixtures)) != old
    }
    return model.model_copy(update=changed) if changed else model


def _mock(stand: Stand) -> Task:
    task = stand.task
    kind: type[MockedTask | MockedFlowable] = MockedTask
    if isinstance(task, Flowable):
        kind = MockedCall if task.attempts else MockedFlowable
    common = {name: getattr(task, name) for name in Task.model_fields}
    if stand.whole:  # it ends at once, in the state that is wanted
        common |= {"retry": None, "timeout": None, "task_cache": None, "log_to_file": False}
    elif isinstance(task, Flowable):
        common |= {"errors": task.errors, "finally_": task.finally_}
    return kind.model_construct(**common, stand=stand)


def _value(variables: Mapping[str, Any]) -> str | None:
    found: str | None = variables["taskrun"].get("value")
    return found


def _told(fixture: TaskFixture) -> str:
    return fixture.description or f"the fixture of task {fixture.id} lets it fail"


async def _outputs(
    fixture: TaskFixture, render: Callable[[Any], Awaitable[Any]], ctx: RunContext
) -> dict[str, Any]:
    """Return the outputs, rendered; a namespace file in them becomes a file of the task run."""
    found: dict[str, Any] = await _copied(await render(fixture.outputs), ctx)
    return found


async def _copied(value: Any, ctx: RunContext) -> Any:
    if isinstance(value, dict):
        return {key: await _copied(each, ctx) for key, each in value.items()}
    if isinstance(value, list):
        return [await _copied(each, ctx) for each in value]
    if not isinstance(value, str) or not value.startswith(_SCHEME) or _FILES not in value:
        return value
    folder, _, name = value.removeprefix(_SCHEME).partition(_FILES)
    data = await ctx.files(folder.replace("/", ".")).read(name)
    return await ctx.put_file(name.rpartition("/")[2], _once(data))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
