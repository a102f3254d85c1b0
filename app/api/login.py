"""Logging in and out by a password, and the first user of an instance."""

from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.access.passwords import MAX_LENGTH
from app.api import setup
from app.api.access import By, is_open, needs_login
from app.api.answers import Json
from app.api.authentication import identities_of
from app.api.cookies import take
from app.api.documents import problems_of
from app.api.identities import address_of
from app.api.paths import PREFIX, Tenant
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node
from app.api.sessions import begin, refuse_plain, who
from app.db.audit import AuditEntry
from app.errors import Conflict, Unauthorized

router = Router(
    prefix=PREFIX,
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(409, 429),
)

NAME = r"^[^\s/:\x00-\x1f\x7f][^/:\x00-\x1f\x7f]{0,149}$"
_LINE = r"^[^\x00-\x1f\x7f]*$"
Username = Annotated[str, Field(min_length=1, max_length=150, pattern=NAME)]
Password = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Login(_Sent):
    """Who logs in."""

    username: Username
    password: Password


class Setup(_Sent):
    """The first user, who administers the instance."""

    token: str = Field(
        "", max_length=200, description="The setup token that the service told at its start."
    )
    username: Username
    password: Password
    email: str = Field("", max_length=254, pattern=_LINE)
    first_name: str = Field("", alias="firstName", max_length=100, pattern=_LINE)
    last_name: str = Field("", alias="lastName", max_length=100, pattern=_LINE)


class BasicAuth(_Sent):
    """The first user, as clients of Kestra's open-source edition send it."""

    uid: str | None = Field(None, max_length=150)
    username: Username
    password: Password


SetupToken = Annotated[
    str | None,
    Header(alias="X-Setup-Token", max_length=200, description="The setup token."),
]


@router.post("/login", summary="Log in by a password")
@is_open("it is how one logs in")
async def login(request: Request, node: Node, sent: Login) -> Response:
    """Begin a session: its cookie, and the token that changes have to send (`X-CSRF-Token`)."""
    refuse_plain(request.scope)
    passwords = identities_of(request.app.state).passwords
    try:
        member = await passwords.check(sent.username, sent.password, address_of(request.scope))
    except Unauthorized:
        await _note(node, request, sent.username, "login.failed", "password")
        raise
    answer = Json({"user": await who(request.scope, member)})
    answer.headers["x-csrf-token"] = await begin(request.scope, answer, member, "password")
    await _note(node, request, member.username, "login", "password")
    return answer


@router.post("/logout", status_code=204, response_class=Response, summary="Log out")
@needs_login("everybody may end their own session")
async def logout(request: Request, node: Node, caller: By) -> Response:
    """End the session of this browser; a token stays as it is."""
    answer = Response(status_code=204)
    if caller.session_id is not None:
        await node.access.sessions.end(caller.session_id)
        await _note(node, request, caller.name, "logout", "")
    take(answer)
    return answer


@router.get("/setup", summary="Whether the instance has a user")
@is_open("the first page asks it")
async def setup_state(node: Node) -> Response:
    """Answer whether the first user was made."""
    return Json({"done": not await setup.is_open(node)})


@router.post("/setup", summary="Make the first user")
@is_open("there is nobody yet who could log in; it asks for the setup token")
async def make_first(
    request: Request, node: Node, sent: Setup, token: SetupToken = None
) -> Response:
    """Make the first user, who administers the instance. It works once.

    The token is the one that the service told on stderr at its start, and wrote to `setup-token` in
    its data directory.
    """
    first = setup.First(sent.username, sent.password, sent.email, sent.first_name, sent.last_name)
    return await _set_up(request, node, first, sent.token or token or "")


@router.post("/{tenant}/basicAuth", summary="Make the first user, as Kestra's clients do")
@is_open("there is nobody yet who could log in; it asks for the setup token")
async def basic_auth(
    tenant: Tenant, request: Request, node: Node, sent: BasicAuth, token: SetupToken = None
) -> Response:
    """Make the first user; the setup token stands in the header `X-Setup-Token`."""
    del tenant  # users are of the instance
    return await _set_up(request, node, setup.First(sent.username, sent.password), token or "")


async def _set_up(request: Request, node: Node, first: setup.First, token: str) -> Response:
    if not node.settings.asks_for_login:
        raise Conflict("this service asks for no login: there are no users to make")
    attempts = identities_of(request.app.state).attempts
    with attempts.one("setup", address_of(request.scope)):
        member = await setup.set_up(node, first, token)
    await _note(node, request, member.username, "setup", "")
    return Json(
        {
            "id": member.id,
            "type": "STANDARD",
            "username": member.username,
            "email": member.email,
            "firstName": member.first_name,
            "lastName": member.last_name,
            "instanceOwner": True,
        }
    )


async def _note(node: Node, request: Request, name: str, action: str, how: str) -> None:
    detail = {"address": address_of(request.scope), **({"how": how} if how else {})}
    await node.audit.add(
        AuditEntry("", node.clock.now(), name, action, f"user/{name}", detail=detail)
    )
