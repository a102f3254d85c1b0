"""Calls of a forge's REST API: JSON both ways, limits respected, refusals as errors of ours.

What a forge says is given on in errors; credentials never are. A call goes to the API's own origin
only, whatever a redirect or a link of an answer says.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import orjson

from app.errors import Unavailable
from app.forges.refusals import error_of, pause_of
from app.plugins.http import HttpFailure
from app.ports import Clock, HttpCall, HttpClient

Headers = Sequence[tuple[str, str]]
Query = Mapping[str, str | int]

_TRIES = 3
_FIRST_PAUSE = 0.2
_MOST_BYTES = 16 << 20
_MOST_PAGES = 50
_MOST_REDIRECTS = 3
_REMEMBERED = 128
_SMALL = 64 << 10
"""Larger answers are not kept in memory only to spare a call of the limit."""
_WEAK_SERVER = frozenset((500, 502, 503, 504))
_MICROSECONDS = 1_000_000


class Reply(NamedTuple):
    """An answer: status, headers by lower-case name, and the JSON value (None: there is none)."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API is, and who asks. `authorize` gives the headers that say so."""

    name: str
    """As people call it, such as `GitHub`."""
    url: str
    authorize: Callable[[], Awaitable[Headers]]
    forget: Callable[[], None] = lambda: None
    """Called when the credentials were refused; returns nothing, the next call authorizes anew."""
    headers: Headers = ()


class Api:
    """The REST API of a forge."""

    def __init__(self, http: HttpClient, access: Access, clock: Clock) -> None:
        """Call `access.url` through `http`."""
        self._http = http
        self._access = access
        self._clock = clock
        self._origin = urlsplit(access.url)[:2]
        self._quiet_until = 0
        self._writing = asyncio.Lock()
        self._known: OrderedDict[str, tuple[str, Reply]] = OrderedDict()

    async def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON value at a path.

        Raises:
            Unavailable, AuthFailed, NotFound, Forbidden, Invalid: see `ports.Forge`.
        """
        return (await self._call("GET", self._url(path, query))).body

    async def pages(
        self,
        path: str,
        query: Query | None = None,
        *,
        key: str = "",
        until: Callable[[Any], bool] = lambda _: False,
    ) -> list[Any]:
        """Return the items of all pages, of at most fifty.

        `key` is the field that holds them, "" for a bare list; a page with an item that `until`
        holds for is the last.
        """
        url: str | None = self._url(path, query)
        items: list[Any] = []
        for _ in range(_MOST_PAGES):
            if url is None:
                break
            reply = await self._call("GET", url)
            some = (reply.body.get(key) if key else reply.body) or []
            items += some
            url = None if any(map(until, some)) else self._next(reply, url)
        return items

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        """Change something, one thing at a time; return the answer's JSON value.

        Raises: as `get`.
        """
        async with self._writing:
            return (await self._call(method, self._url(path, None), body)).body

    def _url(self, path: str, query: Query | None) -> str:
        url = self._access.url.rstrip("/") + path
        return f"{url}?{urlencode(query)}" if query else url

    def _next(self, reply: Reply, url: str) -> str | None:
        """Return the next page: by RFC 8288, or Bitbucket's field; only at the same origin."""
        found = next_link(reply.headers.get("link", ""))
        if found is None and isinstance(reply.body, dict):
            found = reply.body.get("next")
        return urljoin(url, found) if found and self._is_here(urljoin(url, found)) else None

    def _is_here(self, url: str) -> bool:
        return urlsplit(url)[:2] == self._origin

    async def _call(self, method: str, url: str, body: Any = None) -> Reply:
        reply = await self._answered(method, url, body)
        if reply.status == 401:
            self._access.forget()
            reply = await self._answered(method, url, body)
        if 200 <= reply.status < 300:
            return reply
        pause = pause_of(reply.status, reply.headers, reply.body, self._seconds())
        if pause is not None:
            self._quiet_until = self._clock.now() + int(pause * _MICROSECONDS)
        raise error_of(self._access.name, f"{method} {urlsplit(url).path}", reply, pause)

    async def _answered(self, method: str, url: str, body: Any) -> Reply:
        """Send; try again what may be sent twice, or was not sent."""
        failure = Unavailable()
        for number in range(_TRIES):
            if number:
                await asyncio.sleep(_FIRST_PAUSE * 2**number)
            self._be_quiet()
            try:
                reply = await self._redirected(method, url, body)
            except HttpFailure as error:
                failure = Unavailable(f"{self._access.name} does not answer: {error.message}")
                if error.sent and method != "GET":
                    break
            else:
                if method != "GET" or reply.status not in _WEAK_SERVER or number == _TRIES - 1:
                    return reply
        raise failure

    def _be_quiet(self) -> None:
        """Refuse a call while the forge wants none: it locks out who goes on."""
        left = (self._quiet_until - self._clock.now()) / _MICROSECONDS
        if left > 0:
            message = f"{self._access.name} wants no calls for another {left:.0f} s"
            raise Unavailable(message, retry_after=left)

    async def _redirected(self, method: str, url: str, body: Any) -> Reply:
        """Send, and follow redirects to the same origin (a repository that was renamed)."""
        for _ in range(_MOST_REDIRECTS):
            reply = await self._sent(method, url, body)
            target = urljoin(url, reply.headers.get("location", url))
            is_same = method == "GET" or reply.status in (307, 308)
            if reply.status not in (301, 302, 307, 308) or not is_same:
                return reply
            if not self._is_here(target):
                break
            url = target
        message = f"{self._access.name} redirects {urlsplit(url).path} elsewhere: see forge_url"
        raise Unavailable(message)

    async def _sent(self, method: str, url: str, body: Any) -> Reply:
        known = self._known.get(url) if method == "GET" else None
        headers = [
            ("accept", "application/json"),
            ("user-agent", "headwater"),
            *self._access.headers,
            *await self._access.authorize(),
        ]
        if known:
            headers.append(("if-none-match", known[0]))
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            headers.append(("content-type", "application/json"))
        call = HttpCall(method, url, headers, content, read_timeout=20.0, follow_redirects=False)
        async with self._http.send(call) as answer:
            data = await answer.read(_MOST_BYTES)
            reply = Reply(answer.status, _lower(answer.headers), _json(data))
        if reply.body is None and 200 <= reply.status < 300 and data not in (b"", b"null"):
            message = f"{self._access.name} answers something else than JSON: see forge_url"
            raise Unavailable(message)
        if known and reply.status == 304:
            return known[1]
        if method == "GET" and reply.status == 200 and len(data) <= _SMALL:
            self._remember(url, reply)
        return reply

    def _remember(self, url: str, reply: Reply) -> None:
        """Keep an answer by its tag: asking whether it changed costs nothing of the limit."""
        tag = reply.headers.get("etag")
        if tag:
            self._known[url] = tag, reply
            self._known.move_to_end(url)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _seconds(self) -> float:
        return self._clock.now() / _MICROSECONDS


def next_link(header: str) -> str | None:
    """Return the target of `rel="next"` in a `Link` header."""
    for part in header.split(","):
        target, _, attributes = part.partition(";")
        if 'rel="next"' in attributes.replace(" ", ""):
            return target.strip().removeprefix("<").removesuffix(">")
    return None


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        return None  # an error page of a proxy: its status tells enough
