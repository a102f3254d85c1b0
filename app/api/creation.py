"""`POST /executions/{namespace}/{flow}`: starts an execution. A hot route, kept thin."""

from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.execution_files import execution_files
from app.api.execution_json import created_json, execution_json
from app.api.forms import Form, read_form
from app.api.granted import holds_still, right_of
from app.api.paths import PREFIX, is_commit, is_flow
from app.api.query import refuse_unknown
from app.api.services import Services, services
from app.api.times import read_duration, read_instant
from app.api.waiting import ended
from app.engine.commands import NewExecution, body_hash
from app.errors import BadRequest, Invalid, NotFound
from app.executions import Execution, State, execution_id
from app.flows.declarations import FileInput, Input
from app.ports import Claim

QUERY_KEYS = frozenset(
    {
        "allowDeleted",
        "breakpoints",
        "commit",
        "kind",
        "labels",
        "revision",
        "scheduleDate",
        "timeout",
        "wait",
    }
)
MAX_KEY = 128
_MAX_REVISION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Wish:
    """How an execution is to be started, as the query says."""

    labels: tuple[tuple[str, str], ...] = ()
    revision: int | None = None
    commit: str | None = None
    wait: bool = False
    limit: float | None = None
    """Longest wait, in seconds."""
    allow_deleted: bool = False
    """Whether a revision of a deleted flow may run."""
    schedule_date: int | None = None
    """When (µs) it is to start; at once if that is over or nothing is said."""


_PLAIN = Wish()

_Names = tuple[str, str, str]
"""Tenant, namespace, flow id."""


@needs(Permission.EXECUTION_CREATE)
async def create(request: Request) -> Response:
    """Start an execution of a flow with the inputs that the form holds.

    The answer comes once the execution is durable; with `wait`, once it has ended.
    """
    node = services(request)
    names = _names(request)
    query = request.scope["query_string"]
    wish = _wish(query) if query else _PLAIN
    new_id = execution_id()
    folder = inputs_folder(*names, new_id)
    try:
        form = await read_form(request, node.storage, folder, await _declared(node, names, wish))
        execution = await node.commands.create(_new(request, names, wish, form, new_id))
    except Exception:
        await node.storage.delete_prefix(folder)
        raise
    fresh = execution.id == new_id
    if form.digests and not fresh:
        await node.storage.delete_prefix(folder)
    if wish.wait:
        execution = await ended(request, node, execution.id, wish.limit)
    fresh = fresh and not wish.wait and not _stillborn(execution)
    return await _answer(request, node, execution, fresh=fresh)


def _stillborn(execution: Execution) -> bool:
    """Whether the flow's checks made it fail as it was created."""
    return [state for state, _ in execution.histories] == [State.CREATED, State.FAILED]


def _names(request: Request) -> _Names:
    parameters = request.path_params
    names = parameters["tenant"], parameters["namespace"], parameters["flow_id"]
    if not is_flow(names[1], names[2]):
        message = f"there is no flow {names[1]}.{names[2]}: it cannot have this name"
        raise NotFound(message)
    return names


async def _declared(node: Services, names: _Names, wish: Wish) -> dict[str, str]:
    """Return the flow's inputs: ids, and the extension that their files get, "" for their own.

    Without such a flow no body is read.

    Raises:
        NotFound, Gone, Conflict: as `FlowSource` says.
    """
    if wish.revision is None and wish.commit is None:
        loaded = await node.flows.current(*names)
    else:
        if not wish.allow_deleted:
            node.flows.effective(*names)  # what was deleted does not run again, at no revision
        loaded = await node.flows.at(*names, revision=wish.revision, commit=wish.commit)
    return {each.id: _extension(each) for each in loaded.flow.inputs}


def _extension(declared: Input) -> str:
    if not isinstance(declared, FileInput) or declared.allowed_file_extensions:
        return ""
    if "extension" not in declared.model_fields_set:
        return ""
    return f".{declared.extension.lstrip('.')}"


def _new(request: Request, names: _Names, wish: Wish, form: Form, new_id: str) -> NewExecution:
    tenant, namespace, flow_id = names
    return NewExecution(
        tenant=tenant,
        namespace=namespace,
        flow_id=flow_id,
        revision=wish.revision,
        commit=wish.commit,
        allow_deleted=wish.allow_deleted,
        inputs=form.inputs,
        labels=wish.labels,
        id=new_id,
        claim=_claim(request, names, wish, form),
        schedule_date=wish.schedule_date,
    )


def _claim(request: Request, names: _Names, wish: Wish, form: Form) -> Claim | None:
    """Return the claim of a request with an idempotency key (contract D1)."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY:
        message = f"Idempotency-Key has 1 to {MAX_KEY} characters"
        raise BadRequest(message)
    asked = repr((sorted(wish.labels), wish.revision, wish.commit, wish.schedule_date)).encode()
    tenant, namespace, flow_id = names
    return Claim(tenant, f"{namespace}.{flow_id}", key, body_hash(asked, form.canonical()))


async def _answer(
    request: Request, node: Services, execution: Execution, *, fresh: bool
) -> Response:
    origin = await request.app.state.origins.of(node, execution)
    outputs = right_of(request.scope, create).to(Permission.OUTPUT_READ)
    if fresh:
        data = outputs.holds(execution.namespace)
        # It may have moved on already, but only its creation is known to be durable.
        body = created_json(execution, origin, data=data)
    else:
        # Who waited may have lost the right meanwhile.
        data = await holds_still(request.scope, outputs, execution.namespace)
        body = execution_json(execution, origin, node.clock.now(), data=data)
    body["url"] = f"{_base(request, node)}{PREFIX}/{execution.tenant}/executions/{execution.id}"
    return Json(body)


def _base(request: Request, node: Services) -> str:
    own = node.settings.server.url
    if own:
        return own.rstrip("/")
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def inputs_folder(tenant: str, namespace: str, flow_id: str, execution: str) -> str:
    """Return the URI below which the files that an execution is started with are kept."""
    return f"{execution_files(namespace, flow_id, execution, tenant)}/inputs"


# -- the query -----------------------------------------------------------------------------------


@lru_cache(maxsize=128)  # a client asks for the same again and again
def _wish(text: bytes) -> Wish:
    query = QueryParams(text)
    refuse_unknown(query, QUERY_KEYS)
    _refuse_other(query)
    return Wish(
        labels=tuple(read_label(each) for each in query.getlist("labels")),
        revision=_revision(query.get("revision")),
        commit=_commit(query.get("commit")),
        allow_deleted=read_flag(query.get("allowDeleted"), "allowDeleted"),
        wait=read_flag(query.get("wait"), "wait"),
        limit=_limit(query.get("timeout")),
        schedule_date=_date(query.get("scheduleDate")),
    )


def _refuse_other(query: QueryParams) -> None:
    """Refuse what is not possible here, rather than start something else than was asked for."""
    if query.get("kind", "NORMAL") != "NORMAL":
        message = f"kind: {query['kind']} is not possible, only NORMAL is"
        raise Invalid(message)
    if query.get("breakpoints"):
        message = "breakpoints: executions cannot be stopped at tasks; leave it out"
        raise Invalid(message)


def read_label(text: str) -> tuple[str, str]:
    """Read a label written `key:value`.

    Raises:
        Invalid: when it is none.
    """
    key, colon, value = text.partition(":")
    if not (key and colon and value):
        message = f"labels: {text!r} is not key:value"
        raise Invalid(message)
    return key, value


def _revision(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:11]) <= _MAX_REVISION:
        message = f"revision: {text!r} is not a revision number"
        raise BadRequest(message)
    return int(text)


def _commit(text: str | None) -> str | None:
    if text is not None and not is_commit(text):
        message = f"commit: {text!r} is not a commit; give at least 4 of its digits"
        raise BadRequest(message)
    return text


def _date(text: str | None) -> int | None:
    return read_instant(text, "scheduleDate") if text else None


def _limit(text: str | None) -> float | None:
    return None if text is None else read_duration(text, "timeout") / 1_000_000


def read_flag(text: str | None, name: str) -> bool:
    """Return what a flag in the query says; nothing is false."""
    if text not in (None, "true", "false"):
        message = f"{name}: {text!r} is neither true nor false"
        raise BadRequest(message)
    return text == "true"
