"""Calls to HTTP services: the client, where it may connect to, and request bodies."""

from app.config.sections import HttpSettings
from app.plugins.http.addresses import AddressPolicy
from app.plugins.http.egress import Egress, Narrowing, Policy, egress_of
from app.plugins.http.failure import CallRefused, HttpFailure
from app.plugins.http.late import LateClient
from app.plugins.http.limits import Limits
from app.plugins.http.own import OwnPlaces
from app.plugins.http.resolver import Resolver

__all__ = [
    "AddressPolicy",
    "CallRefused",
    "Egress",
    "HttpFailure",
    "LateClient",
    "Limits",
    "Narrowing",
    "OwnPlaces",
    "Policy",
    "Resolver",
    "egress_of",
    "http_client",
]


def http_client(settings: HttpSettings, egress: Egress | None = None) -> LateClient:
    """Return the client that the settings ask for; without `egress`, by these settings alone."""
    limits = Limits(
        connect=settings.connect_timeout_seconds,
        total=settings.total_timeout_seconds,
        body_bytes=settings.max_body_bytes,
    )
    return LateClient(
        egress or AddressPolicy(settings.allow_loopback, settings.allow_private),
        per_host=settings.per_host,
        inline_bytes=settings.max_inline_bytes,
        limits=limits,
    )
