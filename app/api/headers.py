"""The headers that protect whoever reads an answer with a browser, or behind a cache."""

from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]

_CSP = b"content-security-policy"
_CACHE = b"cache-control"
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# Answers are data. A page says for itself what it needs; nothing else may load or run anything.
_NOTHING = (
    _CSP,
    b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
)
_NO_STORE = (_CACHE, b"no-store")
_TAGGED = (_CACHE, b"private, no-cache")
"""With an ETag it may be kept by who asked, who then asks whether it is still so."""
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_USUAL = (*_ALWAYS, _NOTHING, _NO_STORE)
_DECIDED = frozenset({name for name, _ in _USUAL} | {b"etag"})


def protecting(own: Iterable[Header], *, secure: bool) -> Sequence[Header]:
    """Return the headers to be added to an answer that has some of its own; names in lower case.

    `secure`: the request came by TLS, as the connection or a trusted proxy says.
    """
    names = {name for name, _ in own}
    if not secure and names.isdisjoint(_DECIDED):
        return _USUAL
    added = [*_ALWAYS]
    if _CSP not in names:
        added.append(_NOTHING)
    if _CACHE not in names:
        added.append(_TAGGED if b"etag" in names else _NO_STORE)
    if secure:
        added.append(_HSTS)
    return [each for each in added if each[0] not in names]
