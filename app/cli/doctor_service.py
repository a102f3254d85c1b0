"""What of a running service is unsafe or broken, as anybody sees it who can reach it."""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from app import __version__
from app.cli.doctor_findings import Finding
from app.config.sections import LOOPBACK

_SECONDS = 10.0
_MOST_SKEW = 5.0
_PRIVATE = ("/api/v1/main/flows/search", "/api/v1/me", "/metrics", "/docs", "/openapi.json")
_HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy")


def look(address: str) -> Iterator[Finding]:
    """Ask a service without credentials; yield what its answers tell."""
    base = address.rstrip("/")
    try:
        with httpx2.Client(base_url=base, timeout=_SECONDS, follow_redirects=False) as http:
            version = _object(http.get("/version")).get("version")
            if version is None:
                message = f"{base} does not answer as Headwater does"
                fix = "is the address right, or is there a login page before it?"
                yield Finding("broken", "service", message, fix)
                return
            yield from _alive(http, version)
            yield from _closed(http, base)
            yield from _transport(http, base)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        yield Finding("broken", "service", f"{base} does not answer: {error}", "is it running?")


def _alive(http: httpx2.Client, version: str) -> Iterator[Finding]:
    ready = http.get("/readyz", params={"verbose": ""})
    parts = _object(ready).get("parts", {})
    bad = {name: each for name, each in parts.items() if each.get("status") != "UP"}
    for name, each in bad.items():
        yield Finding("broken", f"service.{name}", str(each.get("reason", "it is down")))
    if ready.status_code == 200:
        yield Finding("ok", "service", f"{http.base_url} takes work")
    elif not bad:
        yield Finding("broken", "service", f"/readyz answers {ready.status_code}")
    told = ready.headers.get("date")
    if told is not None:
        skew = abs((datetime.now(UTC) - parsedate_to_datetime(told)).total_seconds())
        if skew > _MOST_SKEW:
            message = f"its clock and ours differ by {skew:.0f} s"
            yield Finding("warning", "service.clock", message, "keep both by NTP")
    if version != __version__:
        message = f"it is {version}, this command is {__version__}"
        yield Finding("note", "service.version", message, "use the same version")


def _closed(http: httpx2.Client, base: str) -> Iterator[Finding]:
    """Ask for what nobody may see without a login."""
    is_home = _is_loopback(base)
    for path in _PRIVATE:
        status = http.get(path).status_code
        if status < 400:
            message = f"{path} is answered without a login"
            level = "note" if is_home or path == "/metrics" else "unsafe"
            yield Finding(level, "service.login", message, "set access.login to required")  # type: ignore[arg-type]


def _transport(http: httpx2.Client, base: str) -> Iterator[Finding]:
    if urlsplit(base).scheme == "http" and not _is_loopback(base):
        message = "it is reached without TLS: passwords and tokens can be heard"
        yield Finding("unsafe", "service.tls", message, "put a proxy with TLS before it")
    answer = http.get("/livez")
    missing = [name for name in _HEADERS if name not in answer.headers]
    if missing:
        message = f"something before it takes headers away: {', '.join(missing)}"
        yield Finding("warning", "service.headers", message, "let the proxy pass them on")
    if urlsplit(base).scheme == "https" and "strict-transport-security" not in answer.headers:
        message = "it does not know that TLS is before it"
        fix = "let the proxy send X-Forwarded-Proto; set server.trusted_proxies"
        yield Finding("warning", "service.tls", message, fix)


def _is_loopback(base: str) -> bool:
    host = urlsplit(base).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
