"""Calls to HTTP services: the client, which addresses it may connect to, and request bodies."""

from app.config.sections import HttpSettings
from app.plugins.http.addresses import AddressPolicy, Resolver
from app.plugins.http.failure import CallRefused, HttpFailure
from app.plugins.http.late import LateClient
from app.plugins.http.limits import Limits

__all__ = [
    "AddressPolicy",
    "CallRefused",
    "HttpFailure",
    "LateClient",
    "Limits",
    "Resolver",
    "http_client",
]


def http_client(settings: HttpSettings) -> LateClient:
    """Return the client that the settings ask for."""
    policy = AddressPolicy(settings.allow_loopback, settings.allow_private)
    limits = Limits(
        connect=settings.connect_timeout_seconds,
        total=settings.total_timeout_seconds,
        body_bytes=settings.max_body_bytes,
    )
    return LateClient(
        policy,
        per_host=settings.per_host,
        inline_bytes=settings.max_inline_bytes,
        limits=limits,
    )
