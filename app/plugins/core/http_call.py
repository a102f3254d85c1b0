"""From the properties of an HTTP call to the request that is sent."""

import base64
import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from app.flows.http import HttpCall as Properties
from app.flows.http import HttpOptions
from app.plugins.api import RunContext, TaskFailed
from app.plugins.http.bodies import MULTIPART, as_text, build_form, essence, url_encoded
from app.ports import HttpCall

JSON = "application/json"
"""The content type of a body that is declared without one."""

READ_SECONDS = 10.0

Headers = list[tuple[str, str]]
Body = bytes | AsyncIterator[bytes] | None

_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*")
# What frames a message is the client's to say; a flow must not contradict it (RFC 9112 §6, §11.2).
_FRAMING = frozenset(
    ("content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer")
)


async def build_call(task: Properties, ctx: RunContext) -> HttpCall:
    """Return the request of a task whose properties are rendered.

    Raises:
        TaskFailed: a property is such that nothing can be sent.
    """
    if not _METHOD.fullmatch(task.method):
        raise TaskFailed(f"{task.method!r} is no HTTP method")
    settled = _USUAL if task.options is None else _settle(task.options)
    own = _own_headers(task.headers)
    body, content_type = await _body(task, own, ctx)
    ssl = task.ssl_options
    return HttpCall(
        method=task.method.upper(),
        url=_url(task),
        headers=_headers(own, content_type, settled.authorization, ctx.headers),
        body=body,
        connect_timeout=settled.connect_timeout,
        read_timeout=settled.read_timeout,
        total_timeout=_total_seconds(task),
        follow_redirects=settled.follow_redirects,
        verify=settled.verify and not (ssl and ssl.insecure_trust_all_certificates),
        proxy=settled.proxy,
        tenant=ctx.tenant,
    )


class _Settled(NamedTuple):
    """What the options say, old names and new ones together."""

    connect_timeout: float | None = None
    read_timeout: float = READ_SECONDS
    follow_redirects: bool = True
    verify: bool = True
    proxy: str | None = None
    authorization: str | None = None


_USUAL = _Settled()


def _settle(options: HttpOptions) -> _Settled:
    return _Settled(
        connect_timeout=_connect_seconds(options),
        read_timeout=_read_seconds(options),
        follow_redirects=options.follow_redirects is not False,
        verify=not (options.ssl and options.ssl.insecure_trust_all_certificates),
        proxy=_proxy(options),
        authorization=_authorization(options),
    )


def _url(task: Properties) -> str:
    uri = task.uri.strip()
    if not task.params:
        return uri
    address, hash_sign, fragment = uri.partition("#")
    join = "&" if "?" in address else "?"
    return f"{address}{join}{url_encoded(task.params)}{hash_sign}{fragment}"


def _own_headers(headers: Mapping[str, Any] | None) -> dict[str, tuple[str, list[str]]]:
    """Return the flow's own headers: lower-case name to name and values."""
    own: dict[str, tuple[str, list[str]]] = {}
    for name, value in (headers or {}).items():
        values = value if isinstance(value, list) else [value]
        texts = [as_text(each) for each in values if each is not None]
        if name.lower() not in _FRAMING and texts:
            own[name.lower()] = (name, texts)
    return own


def _headers(
    own: Mapping[str, tuple[str, list[str]]],
    content_type: str | None,
    authorization: str | None,
    identity: Mapping[str, str],
) -> Headers:
    """Return all headers; the flow's own win over ours."""
    headers = [(name, value) for name, values in own.values() for value in values]
    headers += [(name, value) for name, value in identity.items() if name.lower() not in own]
    if content_type and "content-type" not in own:
        headers.append(("Content-Type", content_type))
    if authorization and "authorization" not in own:
        headers.append(("Authorization", authorization))
    return headers


async def _body(
    task: Properties, own: dict[str, tuple[str, list[str]]], ctx: RunContext
) -> tuple[Body, str | None]:
    """Return body and content type. The type of a multipart form replaces the flow's own header."""
    if task.form_data is None and task.body is None:
        return None, task.content_type
    declared = task.content_type or (own["content-type"][1][0] if "content-type" in own else "")
    if task.form_data is not None:
        form = await build_form(task.form_data, declared, ctx.get_file)
        if essence(declared) == MULTIPART:
            own.pop("content-type", None)  # it lacks our boundary
        return form.body, form.content_type
    charset = (task.options and task.options.default_charset) or "utf-8"
    try:
        return (task.body or "").encode(charset), declared or JSON
    except (LookupError, UnicodeError) as error:
        raise TaskFailed(f"the body cannot be encoded as {charset}: {error}") from None


def _authorization(options: HttpOptions) -> str | None:
    auth = options.auth
    user, password = options.basic_auth_user, options.basic_auth_password
    if auth is not None:
        if auth.type == "BEARER":
            return f"Bearer {auth.token or ''}"
        user, password = auth.username, auth.password
    if user is None and password is None:
        return None
    return "Basic " + base64.b64encode(f"{user or ''}:{password or ''}".encode()).decode()


def _proxy(options: HttpOptions) -> str | None:
    proxy = options.proxy
    if proxy is not None:
        kind, address, port = proxy.type, proxy.address, proxy.port
        user, password = proxy.username, proxy.password
    else:
        kind, address, port = options.proxy_type, options.proxy_address, options.proxy_port
        user, password = options.proxy_username, options.proxy_password
    if not address or kind == "DIRECT":
        return None
    if kind == "SOCKS":
        raise TaskFailed("SOCKS proxies are not supported; use a proxy of type HTTP")
    credentials = f"{quote(user, '')}:{quote(password or '', '')}@" if user else ""
    return f"http://{credentials}{address}:{port or 80}"


def _connect_seconds(options: HttpOptions) -> float | None:
    return _first_seconds(
        options.timeout.connect_timeout if options.timeout else None, options.connect_timeout
    )


def _read_seconds(options: HttpOptions) -> float:
    found = _first_seconds(
        options.timeout.read_idle_timeout if options.timeout else None,
        options.read_timeout,
        options.read_idle_timeout,
    )
    return READ_SECONDS if found is None else found


def _total_seconds(task: Properties) -> float | None:
    """Return a little more than the task's own time limit, so that it is the one that is met.

    None leaves the limit to the client.
    """
    limit = _first_seconds(getattr(task, "timeout", None))
    return limit and limit + 1


def _first_seconds(*durations: timedelta | None) -> float | None:
    for duration in durations:
        if duration is not None:
            return max(0.001, duration.total_seconds())
    return None
