"""The chain of the audit log: what an entry's hash is made of, and what breaks it. Pure.

`hash_n = SHA-256(hash_{n-1} ‖ canonical JSON of entry n)`. The first one follows the hash of the
tenant's name, so that no chain passes for another's.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

INSTANCE = ""
"""The chain of what belongs to no tenant."""

FIELDS = (
    "id", "tenant", "at", "actor", "action", "target", "reason", "detail", "namespace", "actor_id",
    "actor_kind", "token_id", "ip", "request_id", "before_hash", "after_hash", "outcome",
)  # fmt: skip
"""What a hash covers: all that is kept of an entry."""


class Head(NamedTuple):
    """The end of a chain, or of a part of it."""

    seq: int
    hash: str


class Link(NamedTuple):
    """An entry in its chain, as it is stored; `entry` is None where it is missing."""

    seq: int
    hash: str
    entry: Mapping[str, Any] | None
    """Column → value; `detail` is the text."""


class Broken(NamedTuple):
    """The first place where a chain is not what was written."""

    tenant: str
    seq: int | None
    """None: an entry that was never sealed."""
    what: str


class Anchor(NamedTuple):
    """The head of a chain at a time (µs), and where that was found."""

    tenant: str
    seq: int
    hash: str
    at: int
    signature: str = ""
    place: str = "the database"


def beginning(tenant: str) -> Head:
    """Return what the first entry of a tenant follows."""
    return Head(0, hashlib.sha256(f"headwater audit {tenant}".encode()).hexdigest())


def following(head: Head, entry: Mapping[str, Any]) -> Head:
    """Return the end of a chain once an entry is at it."""
    seq = head.seq + 1
    document = {name: entry[name] for name in FIELDS} | {"seq": seq}
    canonical = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return Head(seq, hashlib.sha256(bytes.fromhex(head.hash) + canonical).hexdigest())


class Walk:
    """Goes along one chain, and stops at the first link that does not hold."""

    def __init__(self, tenant: str, start: Head, anchors: Iterable[Anchor] = ()) -> None:
        """Begin after `start`; on the way the chain must meet the `anchors`."""
        self.tenant = tenant
        self.head = start
        self.broken: Broken | None = None
        self._anchors = sorted(anchors, key=lambda each: each.seq)
        self._next = 0
        self._good = start.seq
        """The last place that an anchor vouches for."""
        self._meet()

    def step(self, link: Link) -> bool:
        """Go to the next link; return whether it holds."""
        expected = self.head.seq + 1
        if link.seq != expected:
            return self._stop(expected, f"entry {expected} is missing: it was deleted")
        if link.entry is None:
            return self._stop(expected, f"entry {expected} was deleted")
        if link.entry["tenant"] != self.tenant:
            return self._stop(expected, f"entry {expected} was moved to another tenant")
        reached = following(self.head, link.entry)
        if reached.hash != link.hash:
            word = f"entry {expected} ({link.entry['id']}) was changed after it was sealed"
            return self._stop(expected, word)
        self.head = reached
        self._meet()
        return self.broken is None

    def end(self) -> None:
        """Look whether the chain is as long as its anchors say."""
        if self.broken is None and self._next < len(self._anchors):
            anchor = self._anchors[-1]
            first = self.head.seq + 1
            word = f"entries {first} to {anchor.seq} are missing: {anchor.place} knows of them"
            self._stop(first, word)

    def _meet(self) -> None:
        while self._next < len(self._anchors) and self._anchors[self._next].seq <= self.head.seq:
            anchor = self._anchors[self._next]
            self._next += 1
            if anchor.seq < self.head.seq:
                continue  # in a segment that is closed
            if not hmac.compare_digest(anchor.hash, self.head.hash):
                first = self._good + 1
                word = (
                    f"the entries {first} to {anchor.seq} are not those that were written:"
                    f" {anchor.place} has another hash of entry {anchor.seq}"
                )
                self._stop(first, word)
                return
            self._good = anchor.seq

    def _stop(self, seq: int, what: str) -> bool:
        self.broken = Broken(self.tenant, seq, what)
        return False


class Key:
    """What signs anchors and closed segments (HMAC-SHA-256)."""

    def __init__(self, key: bytes) -> None:
        """Use a key that the database does not hold."""
        self._key = key

    def sign(self, record: Mapping[str, Any]) -> str:
        """Return the signature of a record, without its own."""
        plain = {name: value for name, value in record.items() if name not in _UNSIGNED}
        text = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Whether a record bears its signature."""
        return hmac.compare_digest(self.sign(record), str(record.get("signature", "")))


_UNSIGNED = frozenset({"signature", "place"})


def read_anchors(text: str, place: str) -> Iterator[Anchor]:
    """Yield the anchors in lines of JSON; a line that is none is skipped: a crash cut it.

    `place`: where they were found.
    """
    for line in text.splitlines():
        try:
            found = orjson.loads(line)
            yield Anchor(
                str(found["tenant"]), int(found["seq"]), str(found["hash"]), int(found["at"]),
                str(found["signature"]), place,
            )  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            continue
