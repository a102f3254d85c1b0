"""The way of an execution into memory: its journal folded, its flow found, its faults met."""

from collections.abc import Mapping, Sequence

from app.engine.finished import Finished
from app.engine.outputs import hydrated
from app.engine.parts import Parts
from app.engine.results import failure
from app.engine.suspects import DEATHS, Suspects
from app.errors import Conflict, NotFound
from app.executions import Event, Execution
from app.ports import LoadedFlow
from app.telemetry import get_logger

_LOG = get_logger(__name__)


class Entry:
    """Reads executions and the flows they run."""

    def __init__(self, parts: Parts, finished: Finished, suspects: Suspects | None) -> None:
        """Read over these ports; `suspects` tells at which executions the process died."""
        self._parts = parts
        self._finished = finished
        self._suspects = suspects

    async def read(self, execution_id: str) -> Execution:
        """Return an execution as committed.

        Raises:
            NotFound: when there is none.
        """
        events = await self._parts.journal.read(execution_id)
        if not events:
            message = f"there is no execution {execution_id}"
            raise NotFound(message)
        return await self.folded(execution_id, events)

    async def journals(self, ids: Sequence[str]) -> Mapping[str, Sequence[Event]]:
        """Return journals by execution; one that cannot be read keeps no others from it (D14)."""
        try:
            return await self._parts.journal.read_many(ids)
        except Conflict as error:
            if len(ids) == 1:
                _LOG.error("a journal cannot be read", execution=ids[0], reason=error.message)
                return {}
        alone = [await self.journals([each]) for each in ids]
        return {each: events for journals in alone for each, events in journals.items()}

    async def folded(self, execution_id: str, events: Sequence[Event]) -> Execution:
        """Return the execution that a journal tells of, with outputs that storage keeps."""
        execution = Execution.fold(execution_id, events)
        await hydrated(execution, self._file)
        return execution

    async def _file(self, uri: str) -> bytes:
        return b"".join([chunk async for chunk in self._parts.storage.get(uri)])

    async def flow(self, execution: Execution) -> LoadedFlow:
        """Return the flow that an execution runs.

        Raises:
            NotFound, Conflict: when it cannot be read.
        """
        where = (execution.tenant, execution.namespace, execution.flow_id)
        revision, commit = execution.revision, execution.commit
        return await self._parts.flows.at(*where, revision=revision, snapshot=commit)

    async def admitted(self, execution: Execution) -> LoadedFlow:
        """Return the flow of an execution that is about to move; one that cannot ends here.

        Raises:
            Conflict: when it is over, now or already.
        """
        if execution.over:
            raise Conflict(ended_message(execution))
        try:
            loaded = await self.flow(execution)
        except (NotFound, Conflict) as error:
            message = f"its flow cannot be read: {error.message}"
            raise await self._condemned(execution, message) from error
        if self._suspects is not None and self._suspects.poisonous(execution.id, execution.version):
            message = f"quarantined: the process died {DEATHS} times at this step"
            raise await self._condemned(execution, message)
        return loaded

    async def _condemned(self, execution: Execution, message: str) -> Conflict:
        """End an execution that cannot move, instead of trying for ever (contract D14)."""
        _LOG.error("an execution cannot go on", execution=execution.id, reason=message)
        events = failure(execution, self._parts.clock, message)
        for event in events:
            execution.apply(event)
        await self._parts.journal.append(execution, events)
        self._finished.add(execution)
        return Conflict(message)


def ended_message(execution: Execution) -> str:
    """Return what is said to who wants to move an execution that has ended."""
    return f"execution {execution.id} has ended as {execution.state}"
