"""After an activation, in the background: what the revisions on the way to the tip amount to.

Of each new revision: whether its document is another one than before, or only its text
(`semantic`); of those that never were at a tip: whether they are valid. A person who looks for a
revision to go back to has to know both. It takes a twentieth of one core at most and rests while
anything is synced; and of a long history only the newest part is looked at.
"""

import asyncio
import json
import time
from collections.abc import Callable

from app.db.comparisons import ComparisonStore, Judgement, Unseen
from app.flows.typenames import Types
from app.flows.yaml import YamlError, load
from app.sync.reporting import Report
from app.sync.validation import parse
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_BATCH = 5
_REST = 19
"""How many times as long as a batch took nothing is done."""
_BUSY_SECONDS = 0.5
_MOST = 5_000
"""Revisions of one source that are looked at after one activation."""


class Comparer:
    """Compares revisions, one source at a time."""

    def __init__(
        self, store: ComparisonStore, types: Types, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        """Start with nothing to do; `is_busy` says whether something is synced just now."""
        self._store = store
        self._is_busy = is_busy
        self._types = types
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def heard(self, report: Report) -> None:
        """Listen to what runs report."""
        if report.run.counts.get("revisions"):
            self.ask(report.source.id)

    def ask(self, source_id: str) -> None:
        """Ask for the new revisions of a source to be looked at, some time soon."""
        self._waiting[source_id] = None
        self._idle.clear()
        self._wake.set()

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Begin."""
        self._task = group.create_task(self._forever(), name="comparisons")

    def stop(self) -> None:
        """End; what is left is looked at after a later activation."""
        if self._task is not None:
            self._task.cancel()

    async def settled(self) -> None:
        """Wait until nothing is left that was asked for."""
        await self._idle.wait()

    async def _forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                source_id = next(iter(self._waiting))
                del self._waiting[source_id]
                await self._compare(source_id)
            self._idle.set()

    async def _compare(self, source_id: str) -> None:
        try:
            for _ in range(0, _MOST, _BATCH):
                while self._is_busy():  # noqa: ASYNC110 - nobody waits for this
                    await asyncio.sleep(_BUSY_SECONDS)
                begun = time.perf_counter()
                unseen = await self._store.unseen(source_id, _BATCH)
                if not unseen:
                    return
                oids = {oid for each in unseen for oid in (each.blob, each.before) if oid}
                texts = await self._store.texts(oids)
                found = await asyncio.to_thread(self._judged, unseen, texts)
                await self._store.store(found)
                await asyncio.sleep(_REST * (time.perf_counter() - begun))
        except Exception:  # noqa: BLE001 - whatever it was, other sources go on
            _LOG.exception("revisions not compared", source=source_id)

    def _judged(self, unseen: list[Unseen], texts: dict[str, str]) -> list[Judgement]:
        return [self._judge(each, texts) for each in unseen]

    def _judge(self, seen: Unseen, texts: dict[str, str]) -> Judgement:
        now = texts.get(seen.blob or "")
        before = texts.get(seen.before or "")
        if now is None:  # a deletion, or redacted
            return Judgement(seen.key, seen.revision, True)
        is_semantic = before is None or not is_same(before, now)
        is_valid = seen.state != "superseded" or self._is_valid(seen, now)
        return Judgement(seen.key, seen.revision, is_semantic, is_valid)

    def _is_valid(self, seen: Unseen, text: str) -> bool:
        tenant, namespace, flow_id = seen.key
        parsed = parse(text, self._types, tenant, namespace)
        has_errors = any(each.severity == "error" for each in parsed.problems)
        return parsed.flow is not None and parsed.flow.id == flow_id and not has_errors


def is_same(one: str, other: str) -> bool:
    """Return whether two texts are the same document: comments, order and layout aside."""
    try:
        return _canonical(one) == _canonical(other)
    except YamlError:
        return False


def _canonical(text: str) -> str:
    # As JSON, for to Python 1, 1.0 and True are the same.
    return json.dumps(load(text).value, sort_keys=True, default=str)
