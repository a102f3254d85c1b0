"""Who sends a request: found out once, before a route is chosen.

Wrong credentials do not end a request here: an open route is answered whatever a client sends. They
are kept, and told by the first route that asks for a login.
"""

from functools import lru_cache
from typing import Any

from starlette.types import Scope

from app.access import ANONYMOUS, OWNER, Caller
from app.api.access import REFUSED
from app.api.cookies import host_of, secret_of
from app.api.identities import Identities, address_of
from app.errors import Forbidden, HeadwaterError, Unavailable


async def identify(scope: Scope) -> Caller:
    """Return who sends a request; what was wrong with the credentials is left in the scope."""
    state = scope["app"].state
    node = state.node
    if node is None:
        scope[REFUSED] = Unavailable("the service is starting or stopping", retry_after=1)
        return ANONYMOUS
    try:
        if not node.settings.asks_for_login:
            _refuse_rebinding(scope, node.settings.server.url or "")
            return OWNER
        return await _credentials(scope, identities_of(state))
    except HeadwaterError as error:
        scope[REFUSED] = error
        return ANONYMOUS


def identities_of(state: Any) -> Identities:
    """Return what finds out who callers are, made when it is first asked for."""
    node = state.node
    found: Identities | None = getattr(state, "identities", None)
    if found is None or found.store is not node.access:
        found = state.identities = Identities(node.access, node.clock, node.settings.access)
    return found


async def _credentials(scope: Scope, identities: Identities) -> Caller:
    header = cookies = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            header = value
        elif name == b"cookie":
            cookies = value if cookies is None else cookies + b"; " + value
    if header is not None:
        return await identities.by_header(header, address_of(scope))
    if cookies is not None:
        secret = secret_of(cookies, secure=scope["scheme"] == "https")
        if secret is not None:
            return await identities.by_session(secret, scope["method"], dict(scope["headers"]))
    return ANONYMOUS


def _refuse_rebinding(scope: Scope, url: str) -> None:
    """Refuse a page elsewhere whose name was made to mean this machine (DNS rebinding).

    Without a login, the browser's `Host` is all that tells such a page from our own. Addresses and
    names without a dot cannot be used for it.

    Raises:
        Forbidden: for a name that is not this service's.
    """
    for name, value in scope["headers"]:
        if name == b"host":
            if not _is_ours(value, url):
                message = (
                    "without a login, the service answers only to the name of this machine; set"
                    " server.url to the address that people use"
                )
                raise Forbidden(message)
            return


@lru_cache(maxsize=256)
def _is_ours(host: bytes, url: str) -> bool:
    name = host_of({b"host": host})
    if "." not in name or name.endswith(".localhost"):
        return True
    if name.replace(".", "").isdigit() or ":" in name:
        return True  # an address
    return name == url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
