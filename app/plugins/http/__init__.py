"""Calls to HTTP services: the client, which addresses it may connect to, and request bodies."""

from app.plugins.http.addresses import AddressPolicy, Resolver
from app.plugins.http.failure import HttpFailure
from app.plugins.http.reqwest import ReqwestClient

__all__ = ["AddressPolicy", "HttpFailure", "ReqwestClient", "Resolver"]
