"""What a sync did is told at the forge: a status on the commit, and a deployment."""

from app.db.records import StoredFinding, SyncRun
from app.db.sources import SourceStore
from app.errors import HeadwaterError, RemoteUnreachable, TooMany, Unavailable
from app.ports import Annotation, Check, Forge
from app.ports.forges import CheckState, DeploymentState, Level
from app.sync.errands import Errand
from app.sync.reporting import Report
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker
from app.telemetry import get_logger

_LOG = get_logger(__name__)
_LATER = (Unavailable, RemoteUnreachable, TooMany)
_MOST_TOLD = 500
_STATES: dict[str, CheckState] = {
    "SYNCED": "success",
    "PARTIAL": "failure",
    "REJECTED": "failure",
    "HELD": "in_progress",
}
_LEVELS: dict[str, Level] = {"error": "failure", "warning": "warning"}


class CommitStatus:
    """Tells the forge of each source about its newest run."""

    def __init__(self, workers: SourceSet, sources: SourceStore, url: str) -> None:
        """`url` is where people find this service; "" when nobody said."""
        self._workers = workers
        self._sources = sources
        self._url = url
        self._owed: dict[str, SyncRun] = {}
        self.errand = Errand("commit statuses", self.pay)

    async def heard(self, report: Report) -> None:
        """Remember a run that is to be told (a listener of reports)."""
        if report.source.id not in self._workers:
            return
        has_forge = self._workers.get(report.source.id).parts.forge is not None
        if has_forge and report.run.new_commit and report.run.outcome in _STATES:
            self._owed[report.source.id] = report.run
            self.errand.wake()

    async def catch_up(self) -> None:
        """Remember the last run of each source: the process may have died before it was told."""
        for worker in self._workers:
            if worker.parts.forge is None:
                continue
            runs = await self._sources.runs(worker.id, 20)
            told = next((run for run in runs if run.outcome in _STATES), None)
            if (
                told is not None
                and told.new_commit
                and not await self._is_rolled_back(worker, told)
            ):
                self._owed.setdefault(worker.id, told)

    async def _is_rolled_back(self, worker: SourceWorker, run: SyncRun) -> bool:
        """Whether somebody rolled back a flow of the source since: then the commit says that."""
        claims = self._workers.shared.claims
        return any(
            pin.created_at >= run.started_at
            and claims.owner(pin.tenant, pin.namespace) == worker.id
            for pin in await self._sources.pins.open()
        )

    async def pay(self) -> bool:
        """Tell what is owed; return whether all of it is told."""
        done = True
        for source_id, run in list(self._owed.items()):
            try:
                await self._tell(self._workers.get(source_id), run)
            except _LATER as error:
                _LOG.warning("a sync is told later", source=source_id, reason=error.message)
                done = False
                continue
            except HeadwaterError as error:
                _LOG.warning("a sync is not told", source=source_id, reason=error.message)
            if self._owed.get(source_id) is run:
                del self._owed[source_id]
        return done

    async def _tell(self, worker: SourceWorker, run: SyncRun) -> None:
        forge = worker.parts.forge
        if forge is None or run.new_commit is None:
            return
        found = await self._sources.findings(worker.id, limit=_MOST_TOLD)
        check = Check(
            run.new_commit,
            f"headwater/{worker.id}",
            _STATES[run.outcome or ""],
            title_of(run),
            summary=summary_of(run, found),
            url=self._url,
            annotations=tuple(_annotation(each) for each in found if each.path),
        )
        await forge.publish(check)
        await self._deploy(forge, worker, run)

    async def _deploy(self, forge: Forge, worker: SourceWorker, run: SyncRun) -> None:
        environment = worker.spec.deployments
        if environment is None or run.new_commit is None or run.outcome == "HELD":
            return
        moved = run.outcome in ("SYNCED", "PARTIAL")
        state: DeploymentState = "success" if moved else "failure"
        await forge.deploy(run.new_commit, environment, state, title_of(run), self._url)


def title_of(run: SyncRun) -> str:
    """Return in one line what a run did."""
    counts = run.counts
    flows = sum(counts.get(name, 0) for name in ("added", "changed", "deleted"))
    places = counts.get("namespaces", 0)
    moved = f"activated {_of(flows, 'flow')} in {_of(places, 'namespace')}"
    match run.outcome:
        case "SYNCED":
            return moved
        case "PARTIAL":
            return f"{moved}; {_of(counts.get('invalid', 0), 'file')} with errors"
        case "REJECTED":
            return f"nothing activated: {_of(counts.get('invalid', 0), 'file')} with errors"
        case _:
            return f"held: {run.reason}"[:140]


def summary_of(run: SyncRun, found: list[StoredFinding]) -> str:
    """Return what a run did and found, as Markdown that no file name or message breaks out of."""
    lines = [run.reason] if run.reason else []
    lines += [
        f"    {each.severity} {each.code} {each.path}:{each.line} {' '.join(each.message.split())}"
        for each in found[:50]
    ]
    return "\n".join(lines)


def _annotation(finding: StoredFinding) -> Annotation:
    fix = f"\n{finding.fix}" if finding.fix else ""
    return Annotation(
        finding.path,
        max(1, finding.line),
        _LEVELS.get(finding.severity, "notice"),
        finding.code,
        finding.message + fix,
        finding.column,
    )


def _of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
