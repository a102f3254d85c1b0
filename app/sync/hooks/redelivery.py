"""What a forge could not deliver is asked for again: GitHub never does it by itself."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from app.errors import Forbidden, HeadwaterError, NotFound, Unsupported
from app.ports import Clock, Forge, Hook
from app.sync.hooks import subscriptions
from app.sync.worker import SourceWorker
from app.telemetry import METRICS, get_logger

_LOG = get_logger(__name__)
_BACK = timedelta(days=2)
"""GitHub repeats deliveries of the last three days."""
_MOST = 200
_PATH = "/api/v1/hooks/git/"


class Redelivery:
    """Looks after the webhooks of all sources at their forges."""

    def __init__(self, workers: Iterable[SourceWorker], url: str | None, clock: Clock) -> None:
        """`url` is where people, and forges, reach this service; without it nothing is done."""
        self._workers = workers
        self._url = (url or "").rstrip("/")
        self._clock = clock

    async def run(self) -> int:
        """Check every webhook and ask for what failed; return how many deliveries that were."""
        asked = 0
        seen: set[tuple[str, str]] = set()
        for worker in self._workers:
            forge, key = worker.parts.forge, worker.spec.hook_key
            if not self._url or forge is None or key is None:
                continue
            if (key, forge.repository) in seen:
                continue
            seen.add((key, forge.repository))
            try:
                asked += await self._look_after(worker, forge, self._url + _PATH + key)
            except HeadwaterError as error:
                _LOG.warning("webhook not checked", source=worker.id, error=error.message)
        return asked

    async def _look_after(self, worker: SourceWorker, forge: Forge, address: str) -> int:
        now = self._clock.now()
        try:
            hook = await forge.hook(address)
        except (Unsupported, Forbidden, NotFound):
            return 0  # the token may not see webhooks; deliveries arrive all the same
        if hook is None or not hook.active:
            text = f"the forge has no active webhook that calls {address}"
            subscriptions.tell(worker, "NotFound", text, now)
            return 0
        subscriptions.judge(worker, forge.kind, hook.events, now)
        try:
            return await self._ask_again(forge, hook)
        except (Unsupported, Forbidden):
            return 0

    async def _ask_again(self, forge: Forge, hook: Hook) -> int:
        moment = datetime.fromtimestamp(self._clock.now() / 1_000_000, UTC) - _BACK
        since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        failed = (await forge.failed_deliveries(hook, since))[:_MOST]
        for delivery in failed:
            await forge.redeliver(hook, delivery)
            METRICS.git_webhook.labels(forge.kind, "redelivered").inc()
        return len(failed)
