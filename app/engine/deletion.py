"""Deletion of an execution that has ended: its journal, and what belongs to it."""

from app.engine.finished import Finished
from app.engine.uris import files_of
from app.errors import Conflict
from app.executions import Execution
from app.ports import Archive, Storage


class Deletion:
    """Deletes executions."""

    def __init__(self, archive: Archive, storage: Storage, finished: Finished) -> None:
        """Delete from these; `finished` forgets them."""
        self._archive = archive
        self._storage = storage
        self._finished = finished

    async def delete(
        self, execution: Execution, *, logs: bool = True, metrics: bool = True, files: bool = True
    ) -> None:
        """Delete an execution that is over.

        Its journal goes last: after a crash in between it can be deleted again.

        Raises:
            Conflict: when it is not over.
        """
        if not execution.over:
            message = f"execution {execution.id} is {execution.state}: kill it before you delete it"
            raise Conflict(message)
        ids = [execution.id]
        if files:
            await self._storage.delete_prefix(files_of(execution))
        if logs:
            await self._archive.delete_logs(ids)
        if metrics:
            await self._archive.delete_metrics(ids)
        await self._archive.delete(ids)
        self._finished.forget_execution(execution.id)
