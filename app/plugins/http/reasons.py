"""What the library's errors mean: a reason for people, and whether anything was sent."""

import re

from pyreqwest.exceptions import (
    BuilderError,
    ClientClosedError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)

from app.plugins.http.failure import HttpFailure
from app.plugins.http.limits import Limits

# Only this says for certain that no connection was made. Its class does not: a connection that
# breaks while we wait for the answer is a `ConnectError` too. Should the words ever change, every
# failure counts as sent, which is the safe side (the tests would tell).
_NOT_CONNECTED = "client error (Connect)"
_ERRNO = re.compile(r" \(os error \d+\)$")


def failure_of(error: PyreqwestError, limits: Limits, place: str, *, answered: bool) -> HttpFailure:
    """Return our failure for the library's; `answered`: the headers had come."""
    causes = _causes(error)
    if isinstance(error, BuilderError):
        what = causes[-1] if causes else str(error)
        return HttpFailure(f"the request cannot be sent: {what}", host=place, sent=False)
    if _NOT_CONNECTED in causes and not answered:
        return HttpFailure(_unconnected(error, causes, limits, place), host=place, sent=False)
    return HttpFailure(_broken(error, causes, limits, place, answered), host=place, sent=True)


def _causes(error: PyreqwestError) -> list[str]:
    if not isinstance(error, DetailedPyreqwestError):
        return []
    return [cause["message"] for cause in error.details.get("causes") or ()]


def _unconnected(error: PyreqwestError, causes: list[str], limits: Limits, place: str) -> str:
    if isinstance(error, RequestTimeoutError):
        return f"connection to {place} not made within {limits.connect:g} s"
    why = _ERRNO.sub("", causes[-1])
    if why == "Connection refused":
        return f"connection to {place} refused"
    return f"connection to {place} failed: {why}"


def _broken(
    error: PyreqwestError, causes: list[str], limits: Limits, place: str, answered: bool
) -> str:
    if isinstance(error, ClientClosedError):
        return f"the call to {place} was given up: the HTTP client was closed"
    what = "its whole answer" if answered else "an answer"
    if isinstance(error, RequestTimeoutError):
        spent = f"{limits.read:g} s without a byte, {limits.total:g} s in all"
        return f"{place} did not give {what} in time (limits: {spent})"
    why = _ERRNO.sub("", causes[-1]) if causes else str(error)
    return f"{place} broke off before {what}: {why}"
