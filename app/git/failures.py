"""What Git's last words mean: stderr of a failed command -> one of our errors, without secrets."""

import re
from collections.abc import Callable, Iterable, Sequence

from app.errors import (
    AuthFailed,
    GitError,
    HeadwaterError,
    MirrorCorrupt,
    ObjectMissing,
    RefNotFound,
    RemoteUnreachable,
    TooLarge,
)
from app.git.location import Location

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_LIMIT = 400

# First match wins. The texts are those of Git 2.38 – 2.50 (LC_ALL=C), curl and OpenSSH.
_CORRUPT = re.compile(
    r"object file \S+ is empty|loose object \S+ .*is corrupt|object \S+ .*is corrupt"
    r"|packfile \S+ (?:cannot be|is|does not|claims)|unable to unpack"
    r"|unable to parse (?:object|commit)"
    r"|inflate: data stream error|corrupt (?:loose|packed) object|bad tree object [0-9a-f]{7}"
    r"|does not point to a valid object"
    r"|(?:unable to read|could not read|failed to read|missing)"
    r" (?:tree|object|blob|commit|sha1|[0-9a-f]{7})"
    r"|Could not read [0-9a-f]{7}|not a git repository|did not send all necessary objects"
    r"|unable to (?:read|open) loose object|index file \S+ (?:is too small|is corrupt)"
    r"|bad ref|broken ref|mismatched algorithms"  # the remote was made anew with another hash
    r"|invalid sha1 pointer|bad signature|non-monotonic index|garbage at end of"
    r"|missing object [0-9a-f]{7}|unexpected (?:line|data) in .*packed-refs|unterminated line in",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"File too large|died of signal 25|exceeds maximum allowed size", re.IGNORECASE
)
_AUTH = re.compile(
    r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled"
    r"|HTTP Basic: Access denied|returned error: 40[13]|Permission denied"
    r"|Host key verification failed|access denied|invalid credentials"
    r"|Could not read from remote repository",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"Could not resolve|Failed to connect|Couldn't connect"
    r"|Connection (?:refused|reset|timed out|closed)|timed? ?out|Operation too slow"
    r"|returned error: (?:5\d\d|429|30\d|408)|unexpected disconnect"
    r"|remote end hung up|early EOF|RPC failed|SSL|certificate|TLS|Empty reply|No route to host"
    r"|unable to update url base|Network is unreachable|Recv failure|protocol error",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"repository .*not found|does not appear to be a git repository|does not exist"
    r"|returned error: 404|couldn't find remote ref|not our ref",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"bad object|Not a valid (?:object|commit) name|bad revision", re.IGNORECASE)
_NO_HOST_KEY = re.compile(r"Host key verification failed|No \S+ host key is known", re.IGNORECASE)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without credentials and control characters, cut to a readable length."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _USERINFO.sub("", text)
    return "".join(char if char.isprintable() else " " for char in text).strip()[:_LIMIT]


def explain_network(stderr: str, location: Location, secrets: Iterable[str] = ()) -> HeadwaterError:
    """Return the error that a failed fetch, push or ls-remote stands for.

    The message names the host and Git's reason; it never holds a credential.
    """
    reason = scrub(_reason(stderr), secrets)
    host = location.host
    for matches, error, sentence in _NETWORK:
        if matches(stderr, location):
            return error(f"{sentence.format(host=host, location=location)}: {reason}")
    return GitError(f"Git failed for {location}: {reason}")


def _is_unreachable(stderr: str, _: Location) -> bool:
    # ssh ends every failure, also that of a connection, with one sentence about access rights.
    return bool(_UNREACHABLE.search(stderr) and not _AUTH.search(stderr.replace(_SSH_TAIL, "")))


_LINES_OF_REMOTE = re.compile(r"^remote:.*$", re.MULTILINE)
_SSH_TAIL = "Could not read from remote repository"
_NETWORK: Sequence[tuple[Callable[[str, Location], object], type[HeadwaterError], str]] = (
    (
        lambda text, _: _TOO_LARGE.search(text),
        TooLarge,
        "{location} sends more than the limit of one file; raise the limit",
    ),
    (
        lambda text, _: _CORRUPT.search(_LINES_OF_REMOTE.sub("", text)),
        MirrorCorrupt,
        "The local copy of {location} is damaged",
    ),
    (
        lambda text, _: _NO_HOST_KEY.search(text),
        AuthFailed,
        "{host} is not known here, or has another host key than before; check known_hosts",
    ),
    (
        lambda text, where: _MISSING.search(text) and where.kind != "ssh",
        RefNotFound,
        "{host} has no such repository or ref ({location})",
    ),
    (_is_unreachable, RemoteUnreachable, "{host} does not answer for {location}"),
    (
        lambda text, _: _AUTH.search(text),
        AuthFailed,
        "{host} refused the credentials for {location}",
    ),
)


def explain_local(stderr: str, what: str) -> GitError:
    """Return the error that a failed command on the local copy stands for."""
    reason = scrub(_reason(stderr))
    if _UNKNOWN.search(stderr) and not _CORRUPT.search(stderr):
        return ObjectMissing(f"{what}: there is no such object: {reason}")
    if _CORRUPT.search(stderr):
        return MirrorCorrupt(f"{what}: the local copy is damaged: {reason}")
    return GitError(f"{what}: {reason or 'Git gave no reason'}")


def _reason(stderr: str) -> str:
    """Return the lines that say why: `fatal:`, `error:` and `remote:` without their prefixes."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
    return "; ".join(dict.fromkeys(telling or lines[-3:]))
