"""Which runner a script task gets on this node; implements `ports.Runners`."""

from collections.abc import Callable

from app.config import RunnerSettings
from app.errors import Unavailable
from app.ports import Runner
from app.runners.process import ProcessRunner

_PROCESS = "io.kestra.plugin.core.runner.Process"
_HOW = (
    f"Set `taskRunner: {{type: {_PROCESS}}}` on the task, or in the flow's `pluginDefaults`, to "
    "run it as a process of the node with the programs that are installed there"
)


class NodeRunners:
    """Chooses among the runners that the settings allow."""

    def __init__(
        self, settings: RunnerSettings, refusal: Callable[[str], str | None] = lambda _: None
    ) -> None:
        """Read the settings; `refusal` says why no program of a tenant runs as a process here."""
        self._settings = settings
        self._refusal = refusal
        self._process: Runner | None = ProcessRunner(settings) if settings.process else None

    def choose(self, kind: str | None, tenant: str = "") -> Runner:
        """Return the runner of a kind for a tenant, None: that of a task which names none.

        Kestra's own default is a container; public flows rely on it without saying so. Such a task
        runs as a process here, while one that asks for a container in so many words is refused.

        Raises:
            Unavailable: when this node does not run programs so.
        """
        if kind is None:
            kind = self._settings.default
            if kind == "none":
                raise Unavailable(f"this node runs no task without a `taskRunner`. {_HOW}")
        if kind == "docker" and not self._settings.docker_as_process:
            message = (
                f"the docker runner is not available on this node. {_HOW}; or let the operator set "
                "`runners.docker_as_process`, which does so for every such task"
            )
            raise Unavailable(message)
        if kind not in ("process", "docker"):
            raise Unavailable(f"the runner {kind!r} is not available on this node. {_HOW}")
        if self._process is None:
            raise Unavailable("this node runs no programs: its setting `runners.process` is off")
        if why := self._refusal(tenant):
            raise Unavailable(why)
        return self._process
