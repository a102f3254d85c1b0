"""Exit codes, and the error that ends a command with one."""

OK = 0
FAILED = 1
"""The run or the check failed, or the service could not do it."""
USAGE = 2
NOT_FOUND = 3
NO_ACCESS = 4
CONFLICT = 5
INTERRUPTED = 130

_BY_STATUS = {
    400: USAGE,
    401: NO_ACCESS,
    403: NO_ACCESS,
    404: NOT_FOUND,
    409: CONFLICT,
    410: NOT_FOUND,
    412: CONFLICT,
    422: USAGE,
}


class CommandError(Exception):
    """The command cannot go on; the message says why and what to do."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        """End with an exit code."""
        super().__init__(message)
        self.code = code


def code_of(status: int) -> int:
    """Return the exit code that an HTTP status means."""
    return _BY_STATUS.get(status, FAILED)
