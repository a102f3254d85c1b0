"""`headwater run FILE`: one execution in a node of its own, gone when it has ended."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
from cyclopts import Parameter

from app.api.answers import encoded
from app.api.creation import inputs_folder
from app.api.execution_json import Origin, execution_json
from app.api.forms import safe_name
from app.cli.following import ENDED, step
from app.cli.inputs import warn_of_unknown
from app.cli.options import Format, Inputs, input_file, pairs
from app.cli.outcome import FAILED, OK, USAGE, CommandError, code_of
from app.cli.printing import Table, progress, show
from app.cli.serve import settings_of
from app.engine.commands import NewExecution
from app.engine.logs import LEVELS
from app.errors import HeadwaterError, Invalid
from app.executions import Event, Execution, execution_id
from app.flows.yaml import load
from app.node import Node, running
from app.ports import LogEntry
from app.sync.model import Actor
from app.telemetry import configure_logging

_ACTOR = Actor("headwater run", "run@headwater.invalid")
_TENANT = "main"
_LEVEL_NAMES = {number: name for name, number in LEVELS.items()}


def run(
    file: Annotated[Path, Parameter(help="The flow's YAML.")],
    *,
    inputs: Inputs = None,
    log: Annotated[bool, Parameter(help="Print the log of tasks to stderr.")] = True,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table",
) -> int:
    """Run a flow file once, without a service; exit 1 unless it ends in SUCCESS or WARNING."""
    try:
        source = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no flow: it is not UTF-8", USAGE) from None
    configure_logging("WARNING")
    given = pairs(inputs, "--input")
    with tempfile.TemporaryDirectory(prefix="headwater-run-") as folder:
        execution = asyncio.run(_run(Path(folder), source, given, log=log))
    state = execution["state"]["current"]
    facts = {"state": state, "outputs": execution.get("outputs"), "error": execution.get("error")}
    show(execution, output, names=[execution["id"]], table=Table.of(facts))
    return OK if state in ("SUCCESS", "WARNING") else FAILED


async def _run(
    folder: Path, source: str, inputs: Sequence[tuple[str, str]], *, log: bool
) -> dict[str, Any]:
    settings = settings_of(
        data_dir=folder,
        server={"mode": "dev", "host": "127.0.0.1"},
        database={"url": None},
        git={"repo": None, "edit_mode": "push"},
        http={"allow_loopback": True},
    )
    async with running(settings) as node:
        try:
            return await _execution(node, source, inputs, log=log)
        except HeadwaterError as error:
            raise _refusal(error) from None


def _refusal(error: HeadwaterError) -> CommandError:
    """Return that the flow is not valid, which is what was to be found out, or an input."""
    problems = error.details.get("problems") if isinstance(error, Invalid) else None
    if problems:
        message = "\n".join(["the flow is not valid:", *map(str, problems)])
        return CommandError(message, FAILED)
    return CommandError(error.message, code_of(error.status))


async def _execution(
    node: Node, source: str, inputs: Sequence[tuple[str, str]], *, log: bool
) -> dict[str, Any]:
    flow = await node.sync.put_flow(_TENANT, None, None, source, actor=_ACTOR)
    warn_of_unknown(inputs, load(source).value.get("inputs") or ())
    new_id = execution_id()
    folder = inputs_folder(_TENANT, flow.namespace, flow.flow_id, new_id)
    values = {name: await _value(node, folder, name, value) for name, value in inputs}
    reporter = Reporter(node, new_id)
    node.executor.listeners[new_id] = [reporter.moved]
    if log:
        node.sink.listeners[new_id] = [reporter.logged]
    await node.commands.create(
        NewExecution(_TENANT, flow.namespace, flow.flow_id, inputs=values, id=new_id)
    )
    execution = await node.executor.finished.future(new_id)
    reporter.show(execution)
    return reporter.json(execution)


async def _value(node: Node, folder: str, name: str, value: str) -> str:
    """Return the value of an input; a file goes into storage, and its URI is the value."""
    if not value.startswith("@"):
        return value
    content = await asyncio.to_thread(input_file, name, value[1:])
    uri = f"{folder}/{safe_name(name)}/{safe_name(value)}"

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await node.storage.put(uri, chunks())
    return uri


class Reporter:
    """Prints each task run when it has ended, and what tasks log."""

    def __init__(self, node: Node, wanted: str) -> None:
        """Report on the execution `wanted`."""
        self._node = node
        self._wanted = wanted
        self._shown: set[str] = set()

    def moved(self, _first: int, _events: Sequence[Event]) -> None:
        """Hear that the execution moved on."""
        live = self._node.executor.find(self._wanted)
        if live is not None:
            self.show(live.execution)

    def logged(self, entry: LogEntry) -> None:
        """Hear of a line of a task's log."""
        progress(f"  {_LEVEL_NAMES.get(entry.level, 'INFO'):<5} {entry.task_id}: {entry.message}")

    def show(self, execution: Execution) -> None:
        """Print the task runs that have ended since."""
        for run in self.json(execution)["taskRunList"]:
            if run["id"] not in self._shown and run["state"]["current"] in ENDED:
                self._shown.add(run["id"])
                progress(step(run))

    def json(self, execution: Execution) -> dict[str, Any]:
        """Return an execution as the API would."""
        body = execution_json(execution, Origin("", "", ""), self._node.clock.now())
        found: dict[str, Any] = orjson.loads(encoded(body))
        return found
