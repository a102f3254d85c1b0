"""Namespace files that a commit holds only Git LFS pointers to: fetched once, kept for good."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from app.errors import Conflict, GitError, RemoteUnreachable, TooLarge
from app.git.lfs import (
    MEDIA_TYPE,
    Arrival,
    Download,
    batch_body,
    batch_url,
    check_status,
    download_of,
    origin_of,
    redirected,
)
from app.git.location import Credentials
from app.git.survey import LfsPointer, lfs_pointer
from app.plugins.http import AddressPolicy, CallRefused, Egress, HttpFailure, LateClient, Limits
from app.ports import HttpAnswer, HttpCall
from app.sync.origin import Origin
from app.sync.vault import Vault

_AT_ONCE = 2
"""Files that are fetched at a time: each is held in memory."""
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_ANSWER = 1 << 20
_READ_SECONDS = 30.0

Opened = Callable[[], Awaitable[Origin]]


class LargeFiles:
    """Fetches files from the LFS servers of repositories, over connections of its own.

    The repository's own host may be anywhere, for an administrator named it. Other hosts, which
    that one names, are called by the rules that tasks have.
    """

    def __init__(self, vault: Vault, egress: Egress | None = None) -> None:
        """Keep files in `vault`; nothing is connected yet."""
        self._vault = vault
        rules = egress or Egress(AddressPolicy())
        self._own = _client(rules.trusted())
        self._foreign = _client(rules)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._turns: dict[str, asyncio.Lock] = {}

    async def content(self, pointer: LfsPointer, path: str, opened: Opened) -> bytes:
        """Return the file that a pointer names; `opened` gives the repository it is of.

        Raises:
            Conflict: when the repository has no LFS server that we can ask.
            TooLarge: when it is larger than namespace files may be.
            AuthFailed, ObjectMissing, RemoteUnreachable, GitError: when the server does not give
                it, or gives another one.
        """
        turn = self._turns.setdefault(pointer.oid, asyncio.Lock())
        try:
            async with turn:
                return await self._once(pointer, path, opened)
        finally:
            if not turn.locked():
                self._turns.pop(pointer.oid, None)

    async def close(self) -> None:
        """Close all connections."""
        await self._own.close()
        await self._foreign.close()

    # -- private ---------------------------------------------------------------------------------

    async def _once(self, pointer: LfsPointer, path: str, opened: Opened) -> bytes:
        kept = await self._vault.large(pointer.oid)
        if kept is not None:
            return kept
        origin = await opened()
        most = origin.limits.file
        if pointer.size > most:
            raise TooLarge(f"{path} has {pointer.size} bytes in Git LFS, {most} are allowed")
        async with self._room:
            try:
                data = await self._fetched(pointer, origin)
            except GitError as error:
                told = f"{path} is kept in Git LFS: {error.message}"
                raise type(error)(told, **error.details) from None
        if lfs_pointer(data) is not None:
            raise Conflict(f"{path} is kept in Git LFS, and what is there is a pointer again")
        await self._vault.keep_large(pointer.oid, data)
        return data

    async def _fetched(self, pointer: LfsPointer, origin: Origin) -> bytes:
        location = origin.site.location
        url = batch_url(location)
        credentials = await asyncio.to_thread(origin.read_credentials)
        seconds = origin.mirror.disk.limits.network_seconds
        try:
            async with asyncio.timeout(seconds):
                download = await self._asked(url, pointer, credentials, location.host)
                return await self._downloaded(download, pointer, (url, credentials))
        except TimeoutError:
            message = f"{location.host} did not give the file within {seconds:g} s"
            raise RemoteUnreachable(message) from None

    async def _asked(
        self, url: str, pointer: LfsPointer, credentials: Credentials | None, host: str
    ) -> Download:
        headers = [("accept", MEDIA_TYPE), ("content-type", MEDIA_TYPE), *_shown(credentials)]
        call = _call("POST", url, headers, batch_body(pointer))
        try:
            async with self._own.send(call) as answer:
                check_status(answer.status, host, "its Git LFS files")
                body = await answer.read(_LONGEST_ANSWER)
        except HttpFailure as error:
            raise _failure(error, host) from None
        return download_of(body, pointer, host)

    async def _downloaded(
        self, download: Download, pointer: LfsPointer, asked: tuple[str, Credentials | None]
    ) -> bytes:
        """Follow an answer to the file; only the origin that was asked sees our credentials."""
        url, credentials = asked
        for _ in range(_MOST_REDIRECTS + 1):
            is_own = origin_of(download.href) == origin_of(url)
            host = urlsplit(download.href).hostname or ""
            headers = list(download.headers.items())
            if is_own and not download.is_authorized:
                headers += _shown(credentials)
            client = self._own if is_own else self._foreign
            try:
                async with client.send(_call("GET", download.href, headers)) as answer:
                    target = _location(answer)
                    if target is None:
                        return await _received(answer, Arrival(pointer, host), host)
            except HttpFailure as error:
                raise _failure(error, host) from None
            download = redirected(download, target, host)
        raise GitError(f"{host} redirects again and again")


def _client(egress: Egress) -> LateClient:
    return LateClient(egress, per_host=_AT_ONCE, inline_bytes=_LONGEST_ANSWER, limits=Limits())


def _call(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes | None = None
) -> HttpCall:
    return HttpCall(
        method,
        url,
        [*headers, ("user-agent", "headwater")],
        body,
        read_timeout=_READ_SECONDS,
        total_timeout=24 * 3600.0,  # the source's own limit ends it
        follow_redirects=False,
    )


def _shown(credentials: Credentials | None) -> list[tuple[str, str]]:
    return [] if credentials is None else [("authorization", credentials.header())]


def _location(answer: HttpAnswer) -> str | None:
    """Return where an answer redirects to, None when it is no redirect."""
    if answer.status not in _REDIRECTS:
        return None
    return next((value for name, value in answer.headers if name.lower() == "location"), None)


async def _received(answer: HttpAnswer, arrival: Arrival, host: str) -> bytes:
    check_status(answer.status, host, "the file")
    async for piece in answer.stream():
        arrival.take(piece)
    return arrival.whole()


def _failure(error: HttpFailure, host: str) -> GitError:
    """Return what a call that failed means; an address that is refused is never tried again."""
    if isinstance(error, CallRefused):
        return GitError(f"the Git LFS files of {host} are not called for: {error.message}")
    return RemoteUnreachable(f"{host} does not give its Git LFS files: {error.message}")
