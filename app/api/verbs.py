"""The verbs of executions: which states allow them, and what they do. One, or several at once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.access import Permission
from app.access.occasion import mention
from app.api.granted import Right
from app.api.services import Services
from app.api.status import owned
from app.errors import BadRequest, Conflict, Invalid, NotFound
from app.executions import Execution, State


class Target(NamedTuple):
    """The execution that is meant, and who may do it there."""

    right: Right
    id: str

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and id."""
        return self.right.tenant, self.id


Do = Callable[[Services, Target, Any], Awaitable[object]]
"""Does it to one execution; the last argument is what the caller chose besides."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb."""

    name: str
    wanted: str
    """What an execution must be for it, for people."""
    possible: Callable[[State], bool]
    do: Do
    permission: Permission


async def _kill(node: Services, target: Target, _: Any) -> object:
    return await node.commands.kill(*target.key)


async def _pause(node: Services, target: Target, _: Any) -> object:
    return await node.commands.pause(*target.key)


async def _resume(node: Services, target: Target, _: Any) -> object:
    return await node.commands.resume(*target.key, by=target.right.actor.name)


async def _restart(node: Services, target: Target, _: Any) -> object:
    return await node.commands.restart(*target.key)


async def _replay(node: Services, target: Target, latest: Any) -> object:
    return await node.commands.replay(*target.key, revision="latest" if latest else None)


async def _force_run(node: Services, target: Target, _: Any) -> object:
    return await node.commands.force_run(*target.key)


async def _unqueue(node: Services, target: Target, state: Any) -> object:
    return await node.commands.unqueue(*target.key, state=state or State.RUNNING)


async def _change_status(node: Services, target: Target, state: Any) -> object:
    return await node.commands.change_status(*target.key, state)


async def _label(node: Services, target: Target, labels: Any) -> object:
    return await node.commands.label(*target.key, labels)


class Remains(NamedTuple):
    """What is deleted along with an execution."""

    logs: bool = True
    metrics: bool = True
    files: bool = True
    unfinished: bool = False
    """Whether one that runs is ended and deleted, too."""


async def delete(node: Services, target: Target, remains: Remains) -> None:
    """Delete an execution; one that runs is killed before, if that is wanted."""
    if remains.unfinished and not (await owned(node, target.right, target.id)).state.terminal:
        await node.commands.kill(*target.key)
    await node.sink.settled()  # what was written is deleted too, or known as kept
    await node.commands.delete(
        *target.key, logs=remains.logs, metrics=remains.metrics, files=remains.files
    )


def _ended(state: State) -> bool:
    return state.terminal


KILL = Verb("kill", "not ended", lambda state: not state.terminal, _kill, Permission.EXECUTION_KILL)
PAUSE = Verb(
    "pause", "RUNNING", lambda state: state is State.RUNNING, _pause, Permission.EXECUTION_KILL
)
RESUME = Verb(
    "resume", "PAUSED", lambda state: state is State.PAUSED, _resume, Permission.EXECUTION_RESUME
)
RESTART = Verb(
    "restart",
    "ended or PAUSED",
    lambda s: s.terminal or s is State.PAUSED,
    _restart,
    Permission.EXECUTION_RESTART,
)
REPLAY = Verb("replay", "there", lambda _: True, _replay, Permission.EXECUTION_RESTART)
FORCE_RUN = Verb(
    "force-run",
    "not ended",
    lambda state: not state.terminal,
    _force_run,
    Permission.EXECUTION_RESUME,
)
UNQUEUE = Verb(
    "unqueue", "QUEUED", lambda state: state is State.QUEUED, _unqueue, Permission.EXECUTION_RESUME
)
CHANGE_STATUS = Verb("change-status", "ended", _ended, _change_status, Permission.EXECUTION_RESTART)
LABELS = Verb("labels", "ended", _ended, _label, Permission.EXECUTION_LABEL)
DELETE = Verb("delete", "ended", _ended, delete, Permission.EXECUTION_DELETE)
DELETE_ANY = Verb("delete", "there", lambda _: True, delete, Permission.EXECUTION_DELETE)


async def do_all(
    node: Services, right: Right, ids: list[str], verb: Verb, chosen: Any = None
) -> int:
    """Do it to each of these executions, each once; return how many they are.

    Raises:
        BadRequest: when it is not possible for some, with all that are in the way; nothing is done
            then, unless an execution changed in between.
        Forbidden: when the caller may see one of them, but not do this.
    """
    each_once = list(dict.fromkeys(ids))
    invalids = [found for each in each_once if (found := await _hindrance(node, right, each, verb))]
    _refuse(invalids, each_once)
    mention(*(f"execution/{each}" for each in each_once))
    for each in each_once:
        try:
            await verb.do(node, Target(right, each), chosen)
        except (Conflict, Invalid, NotFound) as error:
            invalids.append(_invalid(each, error.message))
    _refuse(invalids, each_once)
    return len(each_once)


async def _hindrance(
    node: Services, right: Right, execution_id: str, verb: Verb
) -> dict[str, str] | None:
    """Return why it is not possible for an execution, None if it is."""
    try:
        execution: Execution = await owned(node, right, execution_id)
    except NotFound as error:
        return _invalid(execution_id, error.message)
    if verb.possible(execution.state):
        return None
    message = f"execution {execution_id} is {execution.state}, not {verb.wanted}"
    return _invalid(execution_id, message)


def _invalid(execution_id: str, message: str) -> dict[str, str]:
    return {"message": message, "invalidValue": execution_id}


def _refuse(invalids: list[dict[str, str]], ids: list[str]) -> None:
    if invalids:
        message = f"{len(invalids)} of {len(ids)} are in the way: {invalids[0]['message']}"
        raise BadRequest(message, invalids=invalids)
