"""Sessions of browsers: begun by a login of whatever kind, ended by a logout."""

from starlette.responses import Response
from starlette.types import Scope

from app.access.tokens import hash_of, new_secret
from app.api.authentication import identities_of
from app.api.cookies import csrf_of, give, is_safe_place, secret_of
from app.api.identities import address_of
from app.api.services import Services
from app.db.member_records import Member, Session
from app.errors import Forbidden

_DAY = 86_400_000_000
_MICROSECONDS = 1_000_000


async def begin(
    scope: Scope, response: Response, member: Member, method: str, external_id: str = ""
) -> str:
    """Begin a session and put its cookies into an answer; return the CSRF token.

    The secret is always a new one, and the session that the browser had before is over: nobody can
    plant one that a login then fills (security case 90).

    Args:
        scope: Of the request.
        response: The answer to it.
        member: Who logged in.
        method: password | setup | oidc
        external_id: The session at the OIDC issuer (`sid`).

    Raises:
        Forbidden: where a cookie would go through the network in the clear.
    """
    node: Services = scope["app"].state.node
    refuse_plain(scope)
    await _end_old(scope, node)
    settings, now, secret = node.settings.access, node.clock.now(), new_secret()
    life = int(settings.session_days * _DAY)
    session = Session(
        hash_of(secret), member.id, method, now, now, now + life, external_id, address_of(scope)
    )
    await node.access.sessions.add(session)
    await node.access.members.logged_in(member.id, now)
    give(response, scope, secret, life // _MICROSECONDS)
    return csrf_of(secret)


def refuse_plain(scope: Scope) -> None:
    """Refuse a login whose cookie everybody on the network could read.

    Raises:
        Forbidden: without TLS, elsewhere than on this machine.
    """
    node: Services = scope["app"].state.node
    if not is_safe_place(scope, plain=node.settings.access.plain_cookies):
        message = (
            "browsers log in by https only: put a proxy with TLS before the service"
            " (server.trusted_proxies), or set access.plain_cookies"
        )
        raise Forbidden(message)


async def _end_old(scope: Scope, node: Services) -> None:
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    secret = secret_of(cookies, secure=scope["scheme"] == "https")
    if secret is not None:
        await node.access.sessions.end(hash_of(secret))


async def who(scope: Scope, member: Member) -> dict[str, object]:
    """Return what somebody is told of himself after a login."""
    caller = await identities_of(scope["app"].state).of_member(member)
    return {"id": caller.id, "name": caller.name, "username": member.username}
