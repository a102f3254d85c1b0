"""Logging in by OpenID Connect: the code flow with PKCE, and logouts that the provider tells."""

from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import Depends, Query
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access.oidc import is_local
from app.api.access import is_open
from app.api.answers import Json
from app.api.authentication import identities_of
from app.api.documents import problems_of
from app.api.id_tokens import MOST_TOKEN, LoggedOut
from app.api.identities import address_of
from app.api.login_attempts import begun, forget, keep, redirect_address, taken
from app.api.login_members import member_for
from app.api.login_providers import Providers
from app.api.paths import PREFIX
from app.api.problems import answer
from app.api.query import known_keys
from app.api.raw_bodies import raw_body
from app.api.routing import Router
from app.api.services import Node, Services
from app.api.sessions import begin, refuse_plain
from app.db.audit import AuditEntry
from app.db.member_records import Member
from app.errors import BadRequest, Conflict, HeadwaterError, TooMany, Unauthorized

router = Router(
    prefix=f"{PREFIX}/login",
    tags=["Access"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(401, 404, 409, 429),
)

returning = Router(prefix=f"{PREFIX}/login", tags=["Access"], responses=problems_of(401, 404))
"""Without a check of the query: providers add parameters of their own."""

ProviderId = Annotated[
    str, PathParameter(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="A login provider.")
]


@router.get("/providers", summary="Login providers")
@is_open("the login page shows them")
async def listed(request: Request, node: Node) -> Response:
    """List the providers that one can log in with."""
    found = _providers(request, node).listed()
    return Json(
        [
            {
                "id": each.name,
                "title": each.settings.title or each.name,
                "url": f"{PREFIX}/login/oidc/{each.name}",
            }
            for each in found
        ]
    )


@router.get("/oidc/{provider}", summary="Log in by a provider", status_code=303)
@is_open("it is how one logs in")
async def start(
    provider: ProviderId,
    request: Request,
    node: Node,
    target: Annotated[
        str, Query(alias="next", max_length=1_000, description="A page here, for afterwards.")
    ] = "/",
) -> Response:
    """Send the browser to the provider."""
    if not node.settings.asks_for_login:
        raise Conflict("this service asks for no login")
    refuse_plain(request.scope)
    if not is_local(target):
        raise BadRequest("next: a path of this service is needed, such as /flows")
    found = _providers(request, node).of(provider)
    redirect = redirect_address(request.scope, node.settings.server.url, provider)
    attempt = begun(provider, redirect, target, node.clock.now())
    response = _leading(await found.address(attempt))
    keep(response, request.scope, node.cipher, attempt)
    return response


class _Answer(NamedTuple):
    """What a provider tells by the browser; its words of an error are not shown here."""

    state: str
    code: str
    issuer: str | None
    error: str


def _answer(
    state: Annotated[str, Query(max_length=200, description="As it was sent.")] = "",
    code: Annotated[str, Query(max_length=2_048, description="For one login.")] = "",
    issuer: Annotated[
        str | None, Query(alias="iss", max_length=500, description="Who sends it.")
    ] = None,
    error: Annotated[str, Query(max_length=200, description="Why nobody logged in.")] = "",
) -> _Answer:
    return _Answer(state, code, issuer, error)


@returning.get("/oidc/{provider}/callback", summary="Come back from a provider", status_code=303)
@is_open("it is how one logs in: the cookie of the login, its state and the code are checked")
async def callback(
    provider: ProviderId,
    request: Request,
    node: Node,
    told: Annotated[_Answer, Depends(_answer)],
) -> Response:
    """Begin a session for who logged in at the provider, and lead to the page that was wanted."""
    attempts, place = identities_of(request.app.state).attempts, address_of(request.scope)
    try:
        with attempts.one(f"oidc:{provider}", place):
            member, response = await _logged_in(request, node, provider, told)
    except TooMany:
        raise
    except HeadwaterError as refused:
        await _note(node, request, "", "login.failed", provider=provider, why=refused.code)
        response = answer(refused, request.scope)
    else:
        await _note(node, request, member.username, "login", provider=provider)
    forget(response)
    return response


async def _logged_in(
    request: Request, node: Services, provider: str, told: _Answer
) -> tuple[Member, Response]:
    """Return who logged in at a provider, and the answer that begins their session."""
    attempt = taken(request.scope, node.cipher, provider, told.state, node.clock.now())
    if told.error or not told.code:
        raise Unauthorized("the provider let nobody log in")
    found = _providers(request, node).of(provider)
    identity = await found.identity(attempt, told.code, told.issuer)
    member = await member_for(node, found.settings, identity)
    response = _leading(attempt.target)
    await begin(request.scope, response, member, "oidc", identity.session)
    return member, response


@router.post(
    "/oidc/{provider}/logout",
    summary="Hear of a logout at a provider",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {"logout_token": {"type": "string"}},
                        "required": ["logout_token"],
                    }
                }
            },
        }
    },
)
@is_open("the provider calls it; its signed token says whose sessions end")
async def logged_out(provider: ProviderId, request: Request, node: Node) -> Response:
    """End the sessions that a provider's logout token names (Back-Channel Logout 1.0)."""
    found = _providers(request, node).of(provider)
    ended = await found.logged_out(await _logout_token(request))
    for member in await _end(node, ended):
        await _note(node, request, member.username, "logout", provider=provider)
    return Json({}, headers={"Cache-Control": "no-store"})


async def _end(node: Services, ended: LoggedOut) -> list[Member]:
    """End sessions of a person at the issuer: of one session there, or all; return whose."""
    if ended.subject:
        member = await node.access.members.at_issuer(ended.issuer, ended.subject)
        if member is not None:
            await node.access.sessions.end_external(ended.session, member.id)
        return [] if member is None else [member]
    found = []
    for session in await node.access.sessions.of_external(ended.session):
        member = await node.access.members.get(session.member_id)
        if member is not None and member.issuer == ended.issuer:
            await node.access.sessions.end(session.id)
            found.append(member)
    return found


async def _logout_token(request: Request) -> str:
    body = await raw_body(request, 2 * MOST_TOKEN, "logout token")
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=10)).get("logout_token", "")
    except ValueError:
        raise BadRequest("a form with logout_token is needed") from None


def _leading(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


def _providers(request: Request, node: Services) -> Providers:
    """Return the providers, made when they are first asked for."""
    state = request.app.state
    found: tuple[Any, Providers] | None = getattr(state, "login_providers", None)
    if found is None or found[0] is not node:
        made = Providers(node.settings.oidc, node.own_http, node.clock)
        found = state.login_providers = (node, made)
    return found[1]


async def _note(node: Services, request: Request, name: str, action: str, **told: str) -> None:
    detail = {"how": "oidc", "address": address_of(request.scope), **told}
    entry = AuditEntry(
        "", node.clock.now(), name or "anonymous", action, f"user/{name}", detail=detail
    )
    await node.audit.add(entry)
