"""Who looks again when a source has activated what namespaces of others inherit. No I/O."""

from collections.abc import Callable, Collection, Iterator

from app.flows.keyvalues import lineage
from app.sync.ownership import NamespaceKey


class Heirs:
    """Namespaces that were found invalid: what comes from above may put them right.

    Above each one are the namespaces of its lineage and its tenant, which has no namespace ("").
    """

    def __init__(self) -> None:
        """Nobody waits for anything yet."""
        self._waiting: dict[str, frozenset[NamespaceKey]] = {}
        self._moved: dict[NamespaceKey, int] = {}
        self.turn = 0
        """Another number whenever something moved."""
        self.wake: Callable[[str], None] = lambda _: None
        """Told the id of a source that is to look again."""

    def left(self, source_id: str, keys: Collection[NamespaceKey], since: int) -> None:
        """Note what a source left invalid, as it was judged at the turn `since`.

        What moved in the meantime may have come too late for that.
        """
        self._waiting[source_id] = frozenset(keys)
        if any(self._moved.get(each, 0) > since for key in keys for each in _above(key)):
            self.wake(source_id)

    def moved(self, source_id: str, keys: Collection[NamespaceKey]) -> None:
        """Wake the others that wait below what a source has moved; call it once that is seen."""
        if not keys:
            return
        self.turn += 1
        self._moved.update(dict.fromkeys(keys, self.turn))
        for other, waiting in list(self._waiting.items()):
            if other != source_id and any(each in keys for key in waiting for each in _above(key)):
                self.wake(other)


def _above(key: NamespaceKey) -> Iterator[NamespaceKey]:
    tenant, namespace = key
    return ((tenant, each) for each in (*lineage(namespace)[1:], ""))
