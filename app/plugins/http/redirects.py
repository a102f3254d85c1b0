"""Redirects: what is sent next, after RFC 9110 §15.4."""

import dataclasses
from collections.abc import Mapping

from app.plugins.http.failure import HttpFailure
from app.plugins.http.urls import Target, join_url
from app.ports import HttpCall

MOST_REDIRECTS = 10
CODES = frozenset((301, 302, 303, 307, 308))

_CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization"))
_OF_BODY = frozenset(
    ("content-type", "content-length", "content-encoding", "content-language", "transfer-encoding")
)


def next_call(
    call: HttpCall, target: Target, status: int, headers: Mapping[str, str]
) -> tuple[HttpCall, Target] | None:
    """Return the call that a redirect asks for, None when the answer is none.

    Credentials do not go to another origin. 303, and 301 and 302 after a POST, become a GET.

    Raises:
        HttpFailure: the redirect leads nowhere, or a body that was streamed had to be sent again.
    """
    location = headers.get("location")
    if status not in CODES or location is None or not call.follow_redirects:
        return None
    next_target = join_url(target, location)
    dropped = frozenset() if next_target.origin == target.origin else _CREDENTIALS
    method, body = call.method, call.body
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body, dropped = "GET", None, dropped | _OF_BODY
    elif body is not None and not isinstance(body, bytes):
        reason = f"{target.place} redirects ({status}), and a streamed body cannot be sent again"
        raise HttpFailure(reason, host=target.place, sent=True, definite=True)
    kept = [(name, value) for name, value in call.headers if name.lower() not in dropped]
    return (
        dataclasses.replace(call, url=next_target.text, method=method, body=body, headers=kept),
        next_target,
    )
