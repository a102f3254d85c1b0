"""After a rollback: the bad commit is told of at its forge, and Git follows by a pull request.

The pin holds already; all of this may take its time, fail and be tried again, also after a restart.
"""

from collections.abc import Sequence
from typing import NamedTuple

from app.db.flows import FlowStore
from app.db.health import HealthStore
from app.db.pins import PinStore
from app.db.records import Pin
from app.errors import HeadwaterError, NotFound, RemoteUnreachable, TooMany, Unavailable
from app.ports import Check, FlowRevision, Forge
from app.sync.changesets.bodies import code, quoted
from app.sync.changesets.reverts import Reverts, Told
from app.sync.errands import Errand
from app.sync.model import Actor
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_LATER = (Unavailable, RemoteUnreachable, TooMany)
_MOST_FAILURES = 10
_LONGEST_TITLE = 140
"""Characters that GitHub shows of a commit status."""


class Stores(NamedTuple):
    """What a rollback is told by."""

    flows: FlowStore
    pins: PinStore
    health: HealthStore


class Reverting:
    """Does for each rollback what comes after its pin, one after another."""

    def __init__(self, workers: SourceSet, stores: Stores, reverts: Reverts) -> None:
        """Tell the forges of `workers`, revert through `reverts`."""
        self._workers = workers
        self._stores = stores
        self._reverts = reverts
        self.errand = Errand("reverts", self.run)

    async def run(self) -> bool:
        """Do what waits to be done; return whether all of it is."""
        return all([await self._done(pin) for pin in await self._stores.pins.unreverted()])

    async def _done(self, pin: Pin) -> bool:
        try:
            await self._follow(pin)
        except _LATER as error:
            _LOG.warning("a rollback is told later", flow=pin.flow_id, reason=error.message)
            return False
        except HeadwaterError as error:
            await self._stores.pins.note_revert(pin, f"error: {error.message}")
        return True

    async def _follow(self, pin: Pin) -> None:
        revisions = await self._stores.flows.revisions(*pin.key)
        target = next((each for each in revisions if each.revision == pin.revision), None)
        bad = [
            each
            for each in revisions
            if each.blob == pin.quarantined and each.revision > pin.revision
        ]
        if target is None or not bad:
            await self._stores.pins.note_revert(pin, "none")
            return
        worker = self._workers.get(bad[-1].source_id)
        forge = worker.parts.forge
        if forge is None:
            await self._stores.pins.note_revert(pin, "none")
            return
        refused = await _told(forge, worker, pin, bad[-1])
        wanted = pin.revert == "wanted" and pin.ended_at is None
        if wanted and pin.changeset_id is None:
            made = await self._revert(worker, pin, target, bad[-1])
            await self._stores.pins.note_revert(pin, "asked", made)
        else:
            await self._stores.pins.note_revert(pin, f"error: {refused}" if refused else "none")

    async def _revert(
        self, worker: SourceWorker, pin: Pin, target: FlowRevision, bad: FlowRevision
    ) -> str:
        """Open the pull request and return its changeset."""
        failed = await self._stores.health.failed(pin.key, bad.revision, _MOST_FAILURES)
        made = await self._reverts.open(
            worker.id,
            restore={pin.key: target},
            reason=pin.reason,
            actor=Actor(pin.actor),
            mode="pr",
            told=Told(_title(pin), _notes(pin, bad, failed)),
        )
        return made.id


def _title(pin: Pin) -> str:
    return f"Roll {pin.namespace}.{pin.flow_id} back to revision {pin.revision}"


def _notes(pin: Pin, bad: FlowRevision, failed: Sequence[str]) -> list[str]:
    name = code(f"{pin.namespace}.{pin.flow_id}")
    told = (
        f"{name} runs revision {pin.revision} already: {code(pin.actor)} rolled it back from"
        f" revision {bad.revision} ({code(bad.commit[:12])}). Merged, this makes Git say the same,"
        " and the pin ends by itself."
    )
    notes = [told]
    if failed:
        notes.append(f"Failed executions of revision {bad.revision}:")
        notes.append("\n".join(f"- {code(each)}" for each in failed))
    return notes


async def _told(forge: Forge, worker: SourceWorker, pin: Pin, bad: FlowRevision) -> str:
    """Tell of the bad commit; return why the forge does not take that, "" when it does.

    A token may open pull requests and yet set no status; nor does a commit that was forced away
    take one. What is reverted does not depend on it.
    """
    try:
        await _tell(forge, worker, pin, bad)
    except _LATER:
        raise
    except HeadwaterError as error:
        _LOG.warning("a rollback is not told", flow=pin.flow_id, reason=error.message)
        return error.message
    return ""


async def _tell(forge: Forge, worker: SourceWorker, pin: Pin, bad: FlowRevision) -> None:
    """Give the bad commit a red status, and its pull request a comment."""
    why = f": {pin.reason}" if pin.reason else ""
    await forge.publish(
        Check(
            bad.commit,
            f"headwater/{worker.id}",
            "failure",
            f"rolled back by {pin.actor}{why}"[:_LONGEST_TITLE],
            summary=f"{pin.namespace}.{pin.flow_id} runs revision {pin.revision} again.",
        )
    )
    marker = f"<!-- headwater-rollback {pin.id} -->"
    for pull in await forge.pulls(sha=bad.commit):
        try:
            there = await forge.comments(pull.number)
            if not any(marker in each.body for each in there):
                await forge.comment(pull.number, _comment(marker, pin, bad))
        except NotFound:
            continue  # it was deleted meanwhile


def _comment(marker: str, pin: Pin, bad: FlowRevision) -> str:
    name = code(f"{pin.namespace}.{pin.flow_id}")
    told = (
        f"{name} was rolled back from revision {bad.revision} ({code(bad.commit[:12])}) to revision"
        f" {pin.revision} by {code(pin.actor)}."
    )
    return "\n\n".join(each for each in (marker, told, quoted(pin.reason)) if each)
