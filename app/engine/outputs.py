"""The `outputs` and `tasks` variables: a tree that grows as task runs end (reference §3.11).

A task run inside rounds is found under the values of the rounds, outermost first:
`outputs.call['v'].body`. Maps are merged deeply, lists are concatenated.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from app.engine.json import as_bytes
from app.executions import ROOT, Event, Execution, TaskRun, TaskRunPath
from app.ports import Storage

URI_KEY = "$uri"
"""Marks outputs that are kept in storage: the journal holds `{"$uri": …}` in their place."""


class OutputTree:
    """What expressions see of the task runs so far.

    The rounds of a `Loop` see nothing of each other, and nobody else sees anything of them: each
    has a tree of its own, its home, named by the loop's path and its number (`/loop[3]`).
    """

    def __init__(
        self, execution: Execution, reveal: Callable[[Any], Any] = lambda outputs: outputs
    ) -> None:
        """Start with what the execution holds already; `reveal` opens what is sealed in outputs."""
        self._reveal = reveal
        self._execution = execution
        self.outputs: dict[str, Any] = {}
        self.states: dict[str, Any] = {}
        self._rounds: dict[str, dict[str, dict[str, Any]]] = {}
        for run in execution.task_runs.values():
            self.add(run, run.outputs)

    def add(self, run: TaskRun, outputs: Mapping[str, Any] | None) -> None:
        """Bring in a task run that ended, or the outputs it got meanwhile."""
        home, keys = self._spot(run)
        states, tree = self._trees(home)
        _merge_at(states, keys, {"state": run.state.value})
        if outputs:
            _merge_at(tree, keys, self._reveal(outputs))

    def drop(self, run: TaskRun) -> None:
        """Take out a task run that is to run anew."""
        home, keys = self._spot(run)
        for tree in self._trees(home):
            _remove_at(tree, keys)

    def round(self, home: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the `outputs` and `tasks` of one round."""
        return self._rounds.get(home) or _NOTHING

    def leave(self, home: str) -> None:
        """Forget a round that is over."""
        self._rounds.pop(home, None)

    def homes(self, parent: TaskRunPath, path: TaskRunPath) -> tuple[str, ...]:
        """Return the rounds around a place, outermost first."""
        found: list[str] = []
        here = self._execution.task_runs.get(path)
        while True:
            if here is not None and here.isolated:
                found.insert(0, _home(here))
            if parent == ROOT:
                return tuple(found)
            here = self._execution.task_runs[parent]
            parent = here.parent

    def _trees(self, home: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        if home is None:
            return self.states, self.outputs
        trees = self._rounds.setdefault(home, {"tasks": {}, "outputs": {}})
        return trees["tasks"], trees["outputs"]

    def _spot(self, run: TaskRun) -> tuple[str | None, list[str]]:
        """Return the home of a task run and the keys under which it is found there."""
        if run.isolated:
            return _home(run), [run.task]
        keys = [run.task] if run.value is None else [run.task, run.value]
        parent = run.parent
        while parent != ROOT:
            above = self._execution.task_runs[parent]
            if above.isolated:
                return _home(above), keys
            if above.value is not None:
                keys.insert(1, above.value)
            parent = above.parent
        return None, keys


_NOTHING: Mapping[str, Mapping[str, Any]] = {"tasks": {}, "outputs": {}}


def _home(run: TaskRun) -> str:
    return run.path.rpartition("/")[0]


def _remove_at(tree: dict[str, Any], keys: list[str]) -> None:
    for key in keys[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            return
        tree = below
    tree.pop(keys[-1], None)


def _merge_at(tree: dict[str, Any], keys: list[str], value: Mapping[str, Any]) -> None:
    for key in keys[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            below = tree[key] = {}
        tree = below
    last = keys[-1]
    present = tree.get(last)
    tree[last] = merged(present, value) if isinstance(present, dict) else dict(value)


def merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two maps deeply; the right one wins, lists are concatenated."""
    result = dict(left)
    for key, value in right.items():
        present = result.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            result[key] = merged(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            result[key] = [*present, *value]
        else:
            result[key] = value
    return result


def without_nulls(value: Any) -> Any:
    """Drop null fields at every level of maps, as Kestra stores outputs."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


async def hydrated(execution: Execution, read: Callable[[str], Awaitable[bytes]]) -> bool:
    """Replace outputs kept in storage by what they say; return whether there were any."""
    found = False
    for run in execution.task_runs.values():
        if run.outputs and URI_KEY in run.outputs:
            run.outputs = json.loads(await read(run.outputs[URI_KEY]))
            found = execution.large = True
    if execution.outputs and URI_KEY in execution.outputs:
        execution.outputs = json.loads(await read(execution.outputs[URI_KEY]))
        found = True
    return found


async def put_large(event: Event, uri: str, storage: Storage, limit: int) -> bool:
    """Store the outputs of an event at `uri` when they have more than `limit` bytes.

    The journal keeps their URI then; returns whether that is so.
    """
    text = as_bytes(event.data["outputs"])
    if len(text) <= limit:
        return False
    await storage.put(uri, _once(text))
    event.kept = {**event.data, "outputs": {URI_KEY: uri}}
    return True


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
