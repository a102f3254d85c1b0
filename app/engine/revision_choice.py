"""Which revision an execution runs that goes on, or is repeated: four levels decide.

The request says so, else the flow (label `system.revision`), else its namespace, else the source.
Without any word it is the original one: what was pinned when the execution was created.
"""

import re
from contextlib import suppress
from typing import Final, NamedTuple

from app.errors import BadRequest, Conflict, Gone, HeadwaterError
from app.executions import Execution
from app.flows.model import label_map
from app.ports import FlowKey, FlowRevision, FlowSource, LoadedFlow, RevisionPolicy

LABEL: Final = "system.revision"
"""The label by which a flow says which revision its executions go on with."""

_COMMIT: Final = re.compile(r"commit:([0-9a-f]{4,64})\Z")
_MOST: Final = 2**31 - 1


class Choice(NamedTuple):
    """Which revision is meant; nothing set: the original one."""

    revision: int | None = None
    commit: str | None = None
    latest: bool = False

    @property
    def original(self) -> bool:
        """Whether the execution stays at the commit that it was created at."""
        return self == ORIGINAL


ORIGINAL: Final = Choice()
_NAMED: Final = {"original": ORIGINAL, "latest": Choice(latest=True)}


def read_choice(text: str) -> Choice:
    """Read `original`, `latest`, a revision number or `commit:` and a commit.

    Raises:
        BadRequest: when it is none of these.
    """
    if text in _NAMED:
        return _NAMED[text]
    if match := _COMMIT.match(text):
        return Choice(commit=match[1])
    if text.isascii() and text.isdigit() and 0 < int(text[:11]) <= _MOST:
        return Choice(revision=int(text))
    message = f"revision: {text!r} is neither original nor latest nor a number nor commit:<sha>"
    raise BadRequest(message)


class KeepOriginal:
    """The `RevisionPolicy` of an engine without sources."""

    async def again(self, tenant: str, namespace: str) -> str:
        """Return the original."""
        del tenant, namespace
        return "original"

    async def subflow_commit(self, parent: FlowKey, commit: str, target: FlowKey) -> str | None:
        """Return none: the active revision."""
        del parent, commit, target
        return None


class Revisions:
    """Decides for executions that go on, or are repeated."""

    def __init__(self, flows: FlowSource, policy: RevisionPolicy) -> None:
        """Ask `policy` where neither the request nor the flow says anything."""
        self._flows = flows
        self._policy = policy

    async def choice(self, execution: Execution, asked: str | int | None) -> Choice:
        """Return which revision is meant; raises `BadRequest`."""
        if asked is not None:
            return read_choice(str(asked))
        with suppress(HeadwaterError):  # the flow may be gone: then it says nothing
            flow = (await self._flows.current(*execution.flow_key)).flow
            said = label_map(flow.labels).get(LABEL)
            if said in _NAMED:
                return _NAMED[said]
        tenant, namespace, _ = execution.flow_key
        return _NAMED.get(await self._policy.again(tenant, namespace), ORIGINAL)

    async def flow(self, execution: Execution, choice: Choice) -> LoadedFlow:
        """Return the flow that is meant; raises `NotFound`, `Gone`, `Conflict`."""
        where = execution.flow_key
        if choice.latest:
            return await self._flows.current(*where)
        if choice.commit is not None:
            found = await self._flows.at(*where, commit=choice.commit)
        else:
            number = choice.revision or execution.revision
            found = await self._flows.at(*where, revision=number)
        return passed(found, execution, named=choice.commit is not None)


def passed(
    loaded: LoadedFlow, before: Execution | None = None, *, named: bool = False
) -> LoadedFlow:
    """Return a flow that was chosen by number or commit; raises `Conflict` for a held one.

    What a gate keeps from becoming active does not run on a side way, either; only what ran at it
    `before` may be repeated. `named`: with the files of the commit, else with those it had.
    """
    revision = loaded.revision
    if revision.state == "held" and not _ran(revision, before, named=named):
        commit = revision.snapshot or revision.commit
        message = (
            f"revision {revision.revision} of {revision.namespace}.{revision.flow_id} is held:"
            f" nobody has let commit {commit[:12]} pass (see `headwater git status`)"
        )
        raise Conflict(message)
    return loaded


def _ran(revision: FlowRevision, before: Execution | None, *, named: bool) -> bool:
    """Whether an execution ran this revision, with the files of this commit where one was named."""
    if before is None or before.revision != revision.revision:
        return False
    return not named or before.commit == (revision.snapshot or revision.commit)


def refuse_deleted(flows: FlowSource, key: FlowKey, *, allowed: bool) -> None:
    """Refuse a new execution of a flow that was deleted; raises `Gone`."""
    if not allowed and flows.is_deleted(*key):
        message = (
            f"flow {key[1]}.{key[2]} was deleted; with allowDeleted=true one of its revisions runs"
        )
        raise Gone(message)
