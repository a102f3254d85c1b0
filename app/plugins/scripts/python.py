"""`scripts.python.*`: Python programs."""

import shlex

from pydantic import Field

from app.flows.typed import Model
from app.flows.values import Dynamic, Text
from app.plugins.api import RunContext, TaskFailed
from app.plugins.scripts.forms import CommandList, ScriptFile
from app.plugins.scripts.script import Workplace

_PACKAGE = "io.kestra.plugin.scripts.python."


class _Python(Model):
    """What the Python tasks have besides."""

    dependencies: Dynamic[list[str]] | None = Field(
        None,
        description="Packages that pip installs for this task run alone, such as `requests>=2`. "
        "The node must be able to reach the package index.",
    )
    dependency_cache_enabled: Dynamic[bool] = Field(
        default=True, description="Whether pip may use and fill its own cache."
    )
    package_manager: Dynamic[Text] | None = Field(
        None, description="Accepted; pip is what installs packages here."
    )
    python_version: Dynamic[Text] | None = Field(
        None, description="Accepted; the Python of the node's `PATH` is used."
    )

    def installing(self, at: Workplace) -> list[str]:
        """Return the commands that install the dependencies into our folder."""
        if not self.dependencies:
            return []
        for each in self.dependencies:
            if each.lstrip().startswith("-"):
                message = f"{each!r} is no package: `dependencies` takes no options of pip"
                raise TaskFailed(message)
        target = str(at.directory / at.private / "packages")
        options = [] if self.dependency_cache_enabled else ["--no-cache-dir"]
        pip = ["python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install = [*pip, *options, "--target", target, *self.dependencies]
        paths = f"{shlex.quote(target)}${{PYTHONPATH:+:$PYTHONPATH}}"
        return [shlex.join(install), f"export PYTHONPATH={paths}"]


class Commands(_Python, CommandList):
    """Run shell commands that call Python. Outputs as those of `scripts.shell.Commands`."""

    type_name = f"{_PACKAGE}Commands"

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return what installs the dependencies, and the commands."""
        return [*self.installing(at), *await super().lines(ctx, at)]


class PythonScript(_Python, ScriptFile):
    """Run a Python script that stands in the flow, by the `python3` of the node's `PATH`.

    It lies in the working directory while it runs, so that it can import namespace and input files.
    Outputs as those of `scripts.shell.Commands`.
    """

    type_name = f"{_PACKAGE}Script"
    program = ("python3", "-u")
    extension = "py"

    async def lines(self, ctx: RunContext, at: Workplace) -> list[str]:
        """Return what installs the dependencies, and what runs the script."""
        return [*self.installing(at), *await super().lines(ctx, at)]


TYPES = (Commands, PythonScript)
