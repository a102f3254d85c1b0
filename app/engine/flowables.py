"""Runs of flowables: started, walked, tried again, ended."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from app.engine.exits import Exited, leave
from app.engine.frames import Frame
from app.engine.live import Live
from app.engine.places import Place, retrying, running_again
from app.engine.policies import allowed, next_try, renews, retry_due
from app.engine.rendering import reason
from app.errors import HeadwaterError
from app.executions import Kind, State
from app.flows.model import Task
from app.plugins.api import Flowable, TaskFailed
from app.telemetry import get_logger

_LOG = get_logger(__name__)

_STARTS_AGAIN = frozenset({State.RETRYING, State.RESTARTED})

Main = Callable[[], Awaitable[State]]
Body = Callable[[Main, Sequence[Task], Sequence[Task], Frame], Awaitable[State]]
"""Runs a main list, `errors` if it failed, then `finally`."""


class FlowableRuns:
    """The task runs of the flowables of one execution."""

    def __init__(
        self, live: Live, walk: Callable[[Place, Flowable], Awaitable[State]], tries: int
    ) -> None:
        """Let `walk` walk each of them; none has more than `tries` attempts."""
        self._live = live
        self._walk = walk
        self._tries = tries

    async def run(self, place: Place, task: Flowable, body: Body) -> State:
        """Bring the task run to its end, from wherever the journal left it."""
        inner = place.frame.below(place.path, task.retry)
        main = partial(self._tried, place, task)
        if task.own_ends:
            state = await main()
        else:
            state = await body(main, task.errors, task.finally_, inner)
        run = self._live.execution.task_runs[place.path]
        state = allowed(task, state)
        self._live.record(place.event(Kind.ENDED, state, error=run.error))
        return state

    async def _tried(self, place: Place, task: Flowable) -> State:
        """Walk a flowable, again and again if its `retry` says so (of one that counts attempts)."""
        while True:
            await self._start(place, task)
            state = await self._walked(place, task)
            if state is not State.FAILED or not self._retry(place, task):
                return state

    async def _start(self, place: Place, task: Flowable) -> None:
        """Record that the flowable runs, unless the journal says so already."""
        run = self._live.run(place.path)
        if run is not None and run.state not in _STARTS_AGAIN:
            return
        upcoming = next_try(run)
        if upcoming.due:
            await self._live.wait(place.path, upcoming.due)
        started = place.event(Kind.STARTED, State.RUNNING)
        if task.attempts:
            started.attempt, started.delivery = upcoming.attempt, upcoming.delivery
        self._live.record(started, *running_again(self._live))

    def _retry(self, place: Place, task: Flowable) -> bool:
        """Record that a flowable which counts attempts (a subflow) is to be tried again.

        Raises:
            Exited: when another execution is to be made instead.
        """
        policy = task.retry or place.frame.retry
        if not task.attempts or policy is None:
            return False
        run, now = self._live.execution.task_runs[place.path], self._live.clock.now()
        if renews(policy, self._live.execution, now, self._tries):
            raise leave(self._live, place.event(Kind.ENDED, State.RETRIED, error=run.error))
        due = retry_due(policy, run, now, self._tries)
        if due is None:
            return False
        self._live.record(*retrying(place, due, run.error, definite=True))
        return True

    async def _walked(self, place: Place, task: Flowable) -> State:
        run = self._live.execution.task_runs[place.path]
        run.error = None
        try:
            return await self._walk(place, task)
        except (Exited, BaseExceptionGroup):
            raise
        except (HeadwaterError, TaskFailed) as error:
            message = reason(error)
        except Exception as error:  # noqa: BLE001 - a fault in a task type fails its task only
            _LOG.exception("a task type raised", task=task.type, execution=self._live.id)
            message = f"{type(error).__name__} in {task.type}: {error}"
        run.error = message
        return State.FAILED
