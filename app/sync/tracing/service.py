"""What the API asks about who wrote what, and what broke a flow."""

from app.db.commits import CommitStore
from app.db.flows import FlowStore
from app.db.outcomes import OutcomeStore
from app.engine.flow_tests import SuiteRunner
from app.sync.routing import RoutedFiles
from app.sync.testing.bisecting import Bisects
from app.sync.tracing.blaming import Blames
from app.sync.tracing.breaking import Breakages, Read


class Tracing:
    """Blame, breakages and bisects of the flows of a node."""

    def __init__(
        self,
        flows: FlowStore,
        files: RoutedFiles,
        commits: CommitStore,
        outcomes: OutcomeStore,
        runner: SuiteRunner,
        read: Read,
    ) -> None:
        """Ask these stores; `read` returns an execution by its tenant and id."""
        self.blames = Blames(flows, commits)
        self.breakages = Breakages(flows, outcomes, commits, self.blames, read)
        self.bisects = Bisects(flows, files, runner)
