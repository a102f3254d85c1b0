"""Single steps of one execution, for its interpreter: run a task, walk a flowable."""

from app.engine.calls import Subflows
from app.engine.interpreter import Interpreter
from app.engine.live import Live
from app.engine.logs import LogOrigin, TaskRunLog
from app.engine.parts import Parts
from app.engine.places import Place
from app.engine.rendering import Renderer, reason
from app.engine.scope import Scope
from app.engine.walker import TaskWalker
from app.engine.worker import Worker
from app.errors import HeadwaterError
from app.executions import State
from app.plugins.api import Flowable, Runnable, TaskFailed


class ExecutionSteps:
    """Implements `Steps`; owns the interpreter that calls it."""

    def __init__(
        self, live: Live, renderer: Renderer, worker: Worker, subflows: Subflows, parts: Parts
    ) -> None:
        """Run the steps of `live`."""
        self._live = live
        self._renderer = renderer
        self._worker = worker
        self._subflows = subflows
        self._parts = parts
        self.scope = Scope(live)
        self.interpreter = Interpreter(live, self.scope, renderer, self, parts.limits)

    def close(self) -> None:
        """Let go of the interpreter, which holds on to this: nothing is left for the collector."""
        del self.interpreter

    async def run(self, place: Place, task: Runnable) -> State:
        """Run a runnable task to its end."""
        return await self._worker.run(place, task, self._renderer, self.interpreter.variables)

    async def walk(self, place: Place, task: Flowable) -> State:
        """Walk a flowable task."""
        live = self._live
        log = TaskRunLog(
            self._parts.sink,
            live.clock,
            LogOrigin(live.id, place.run_id, task.id, 0),
            live.secrets,
            self._parts.limits.logs,
            task.log_level,
        )
        walker = TaskWalker(
            self.interpreter, place, self._renderer, self._subflows, log, self._parts
        )
        try:
            return await task.walk(walker)
        except (HeadwaterError, TaskFailed) as error:
            if not (live.left or live.barrier):
                log.write("ERROR", reason(error))
                if isinstance(error, TaskFailed) and error.outputs:
                    walker.output(error.outputs)
            raise
