"""A few task types and the `Types` that the tests look them up in."""

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from app.flows.model import (
    CONDITIONS,
    RUNNERS,
    TRIGGERS,
    Condition,
    Inputs,
    Model,
    SomeTasks,
    Task,
    TaskRunner,
    Tasks,
    Trigger,
)
from app.flows.parse import Parsed, parse_flow
from app.flows.typed import Typed, outdated
from app.flows.typenames import spellings
from app.flows.values import Dynamic, Text

CORE = "io.kestra.plugin.core."


class Log(Task):
    """Log a message."""

    type_name = CORE + "log.Log"
    aliases = ("io.kestra.core.tasks.log.Log",)

    message: Dynamic[str | list[str]] = Field(description="What to log.")
    level: Text = Field("INFO", description="The level.")


class Return(Task):
    """Return a text."""

    type_name = CORE + "debug.Return"

    format: Dynamic[str] | None = Field(None, description="The text.")


class Echo(Task):
    """Log a text."""

    type_name = CORE + "debug.Echo"
    deprecated = "use Log"

    format: Dynamic[str] | None = Field(None, description="The text.")


class Request(Task):
    """Call a service."""

    type_name = CORE + "http.Request"
    aliases = ("io.kestra.plugin.fs.http.Request",)

    uri: Dynamic[str] = Field(description="The address.")
    method: Dynamic[str] = Field("GET", description="The method.")
    content_type: Dynamic[str] | None = Field(None, description="The content type.")
    form_data: Dynamic[dict[str, Any]] | None = Field(None, description="The form.")
    headers: Dynamic[dict[str, str]] | None = Field(None, description="The headers.")
    retries: Dynamic[int] = Field(0, ge=0, description="How often.")
    codes: Dynamic[list[int]] | None = Field(None, description="The codes.")
    old: Text | None = Field(None, json_schema_extra=outdated("use method"), description="Old.")


class Sequential(Task):
    """Run tasks in order."""

    type_name = CORE + "flow.Sequential"

    tasks: SomeTasks = Field(description="The tasks.")
    errors: Tasks = Field(default_factory=list, description="Tasks after a failure.")


class Switch(Task):
    """Run one of several lists."""

    type_name = CORE + "flow.Switch"

    value: Dynamic[str] = Field(description="The value.")
    cases: dict[str, Tasks] | None = Field(None, description="The tasks by case.")
    defaults: Tasks | None = Field(None, description="The tasks else.")

    @model_validator(mode="after")
    def _some(self) -> "Switch":
        if not self.cases and not self.defaults:
            raise ValueError(f"{self.id}: No task defined")
        return self


class Subflow(Task):
    """Start a flow."""

    type_name = CORE + "flow.Subflow"

    namespace: Dynamic[str] = Field(description="The namespace.")
    flow_id: Dynamic[str] = Field(description="The id.")
    inputs: Dynamic[dict[str, Any]] | None = Field(None, description="The inputs.")


class Faulty(Task):
    """A task type with a mistake."""

    type_name = "com.example.Faulty"

    @model_validator(mode="before")
    @classmethod
    def _wrong(cls, raw: Any) -> Any:
        return raw["nothing"]


class Pause(Task):
    """Wait."""

    type_name = CORE + "flow.Pause"

    on_resume: Inputs = Field(default_factory=list, description="Inputs.")


class Runner(Model):
    """Where a script runs."""

    type: Text = Field(description="The type.")
    image: Text | None = Field(None, description="The image.")
    pull: Text | None = Field(None, description="The policy.")


class Script(Task):
    """Run a script."""

    type_name = "io.kestra.plugin.scripts.shell.Commands"

    commands: list[Text] = Field(description="The commands.")
    env: dict[str, Text] | None = Field(None, description="The environment.")
    task_runner: Runner | None = Field(None, description="The runner.")


class Anything(Task):
    """A task of a type that nobody knows: all its properties are accepted."""

    model_config = ConfigDict(extra="allow")


class Nest(Anything):
    """The same with children."""

    tasks: SomeTasks = Field(description="The children.")


class AnyTrigger(Trigger):
    """A trigger of a type that nobody knows."""

    model_config = ConfigDict(extra="allow")


NESTS = ("Parallel", "Sequential", "ForEach", "EachSequential", "EachParallel", "AllowFailure")

TASKS: tuple[type[Task], ...] = (
    Log,
    Return,
    Echo,
    Request,
    Sequential,
    Switch,
    Subflow,
    Pause,
    Script,
    Faulty,
)


class FakeTypes:
    """The types above."""

    def __init__(self) -> None:
        self._tasks = {name: each for each in TASKS for name in spellings(each)}
        self._triggers = {name: each for each in TRIGGERS for name in spellings(each)}
        self._conditions = {name: each for each in CONDITIONS for name in spellings(each)}
        self._runners = {name: each for each in RUNNERS for name in spellings(each)}

    def task(self, name: str) -> type[Task] | None:
        return self._tasks.get(name)

    def trigger(self, name: str) -> type[Trigger] | None:
        return self._triggers.get(name)

    def condition(self, name: str) -> type[Condition] | None:
        return self._conditions.get(name)

    def runner(self, name: str) -> type[TaskRunner] | None:
        return self._runners.get(name)

    def names(self) -> Iterable[str]:
        every: tuple[type[Typed], ...] = (*TASKS, *TRIGGERS, *CONDITIONS, *RUNNERS)
        return [each.type_name for each in every]


class PermissiveTypes(FakeTypes):
    """Every task type exists, and every trigger type beside those that are known."""

    def task(self, name: str) -> type[Task] | None:
        kind = Nest if name.rpartition(".")[2] in NESTS else Anything
        return type("Unknown", (kind,), {"type_name": name})

    def trigger(self, name: str) -> type[Trigger] | None:
        return super().trigger(name) or type("Unknown", (AnyTrigger,), {"type_name": name})


TYPES = FakeTypes()


def parse(source: str | bytes, **options: Any) -> Parsed:
    """Parse with the types above."""
    return parse_flow(source, types=TYPES, **options)


ONE_TASK = "tasks: [{id: t, type: core.log.Log, message: hi}]"


def flow(body: str = "", *, tasks: str = ONE_TASK) -> str:
    """Return the source of a flow with a body; by default it has one task."""
    return "\n".join(["id: f", "namespace: n", *filter(None, (body, tasks)), ""])


def lines(parsed: Parsed) -> list[str]:
    """Return the problems as one line each: severity letter, code, path, place and message."""
    return [
        f"{p.severity[0].upper()} {p.code} {p.path} {p.line}:{p.column} {p.message}"
        for p in parsed.problems
    ]
