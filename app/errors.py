"""The one tree of errors: what may go wrong, and how it is answered.

Class attributes `code` (stable, machine-readable) and `status` (HTTP) travel with every error; the
docstring is the default message. A failed *task* is a result (`plugins.api.TaskFailed`), never one
of these.
"""

from typing import Any, ClassVar


class HeadwaterError(Exception):
    """Something went wrong inside Headwater."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        """Make the error; `details` become extension members of the problem document."""
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.details = details
        super().__init__(self.message)


class BadRequest(HeadwaterError):
    """The request is malformed."""

    code = "BAD_REQUEST"
    status = 400


class Unauthorized(HeadwaterError):
    """The credentials or the signature are missing or wrong."""

    code = "UNAUTHORIZED"
    status = 401


class Forbidden(HeadwaterError):
    """You may not do this."""

    code = "FORBIDDEN"
    status = 403


class NotFound(HeadwaterError):
    """There is no such thing."""

    code = "NOT_FOUND"
    status = 404


class Conflict(HeadwaterError):
    """The state of the thing does not allow this."""

    code = "CONFLICT"
    status = 409


class ConfirmationNeeded(Conflict):
    """This has consequences: look at the plan, and repeat it with confirm=true."""

    code = "CONFIRMATION_NEEDED"


class Gone(HeadwaterError):
    """The flow was deleted."""

    code = "FLOW_DELETED"
    status = 410


class Redacted(Conflict):
    """What this revision held was removed, and cannot be read or run."""

    code = "REDACTED"
    status = 410


class PreconditionFailed(HeadwaterError):
    """Somebody else changed it in the meantime."""

    code = "PRECONDITION_FAILED"
    status = 412


class TooLarge(HeadwaterError):
    """The body is larger than the limit."""

    code = "TOO_LARGE"
    status = 413


class TooSlow(HeadwaterError):
    """The body took too long to arrive."""

    code = "REQUEST_TIMEOUT"
    status = 408


class UnsupportedMedia(HeadwaterError):
    """This content type or encoding is not accepted here."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class Invalid(HeadwaterError):
    """The document or a value in it is not valid."""

    code = "INVALID"
    status = 422


class TooMany(HeadwaterError):
    """A limit is reached; try again later."""

    code = "LIMIT_REACHED"
    status = 429


class Unavailable(HeadwaterError):
    """A part that this needs does not answer now."""

    code = "UNAVAILABLE"
    status = 503


class Fenced(HeadwaterError):
    """Another writer has moved this execution on."""

    code = "FENCED"
    status = 409


class ExpressionError(Invalid):
    """An expression cannot be read or evaluated.

    `line` and `column` count from 1 inside the template.
    """

    code = "EXPRESSION"

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        """Make the error with its place inside the template (0: unknown)."""
        super().__init__(message, line=line, column=column)
        self.line = line
        self.column = column


class MissingVariable(ExpressionError):
    """A variable, attribute or item is not there; `??`, `default` and `is defined` catch it."""

    code = "EXPRESSION_MISSING"


class GitError(HeadwaterError):
    """A Git command failed."""

    code = "GIT"
    status = 502


class RefNotFound(GitError):
    """The branch, tag or commit does not exist in the repository."""

    code = "REF_NOT_FOUND"
    status = 404


class AuthFailed(GitError):
    """The remote repository refused our credentials."""

    code = "AUTH_FAILED"


class RemoteUnreachable(GitError):
    """The remote repository does not answer."""

    code = "REMOTE_UNREACHABLE"
    status = 503


class MergeConflict(Conflict):
    """The change does not merge."""

    code = "MERGE_CONFLICT"


class ObjectMissing(GitError):
    """The repository does not hold this object."""

    code = "OBJECT_MISSING"
    status = 404


class MirrorCorrupt(GitError):
    """The local copy of the repository is damaged."""

    code = "MIRROR_CORRUPT"
    status = 503


class PushRefused(Conflict):
    """The remote repository takes no direct push to this branch."""

    code = "PUSH_REFUSED"


class Unsupported(HeadwaterError):
    """This is not possible here."""

    code = "UNSUPPORTED"
    status = 422
