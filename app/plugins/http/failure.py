"""`HttpFailure`: a call that got no complete answer, and `CallRefused`: one never made."""

from app.errors import HeadwaterError


class HttpFailure(HeadwaterError):
    """The HTTP service gave no complete answer."""

    code = "HTTP_FAILURE"
    status = 502

    def __init__(self, reason: str, *, host: str, sent: bool, definite: bool | None = None) -> None:
        """Make the failure.

        Args:
            reason: what happened, for people; it names the host.
            host: host and port that were called.
            sent: whether any byte of the request may have reached the service.
            definite: whether the outcome is known; by default it is when nothing was sent.
        """
        super().__init__(reason, host=host, sent=sent)
        self.reason = reason
        self.host = host
        self.sent = sent
        self.definite = not sent if definite is None else definite


class CallRefused(HttpFailure):
    """The URL or the address must not be called; nothing was sent to it."""

    code = "CALL_REFUSED"
    status = 422
