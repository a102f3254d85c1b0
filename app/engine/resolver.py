"""Inputs at the start and at the end of a pause: resolved with the flow's expressions.

What an expression asks of the outside (`kv`, `read`, …) is fetched, and the inputs are resolved
again with the answer; secrets are sealed, and namespace files become files of the execution.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from app.engine.identity import Identity
from app.engine.inputs import find_task
from app.engine.json import as_json
from app.engine.live import Live
from app.engine.parts import Parts
from app.engine.scope import flow_variables
from app.engine.sealing import hidden, protected
from app.engine.secrecy import Secrets, masked
from app.engine.surroundings import surroundings
from app.engine.uris import execution_files
from app.errors import Conflict, HeadwaterError
from app.executions import ROOT, Event, Execution, Kind, State
from app.expressions import UNKNOWN, Environment, Host, Pending, compile_template
from app.flows.encryption import MASK, sealing
from app.flows.inputs import InputState, validate_inputs, values_of
from app.flows.model import Inputs
from app.flows.nesting import nest
from app.ports import LoadedFlow

NAMESPACE_FILE = "nsfile://"
"""What the address of a namespace file begins with: `nsfile:///path`."""

_QUESTIONS = 100
"""How many different questions the inputs of one start may ask of the outside."""


class InputResolver:
    """Makes of what was given what an execution starts or goes on with."""

    def __init__(
        self,
        parts: Parts,
        make: Callable[[Execution, LoadedFlow], Live],
        environment: Callable[[Live], Environment],
    ) -> None:
        """Evaluate as an execution that `make` makes would, with the functions of `environment`."""
        self._parts = parts
        self._make = make
        self._environment = environment

    async def start(
        self, loaded: LoadedFlow, data: Mapping[str, Any], execution_id: str
    ) -> dict[str, Any]:
        """Return the inputs of a new execution: defaults filled in, converted, nested by dots.

        Raises:
            InvalidInputs: with every error, in Kestra's words.
        """
        return await self._resolved(loaded, loaded.flow.inputs, data, execution_id)

    async def resumption(
        self, loaded: LoadedFlow, task_id: str, data: Mapping[str, Any], execution_id: str
    ) -> dict[str, Any]:
        """Return the `onResume` inputs of a pause, resolved like any inputs."""
        declared = getattr(find_task(loaded, task_id), "on_resume", None) or []
        return await self._resolved(loaded, declared, data, execution_id)

    async def tolerated(
        self, loaded: LoadedFlow, data: Mapping[str, Any], execution_id: str
    ) -> dict[str, Any]:
        """Return the inputs of an execution that a trigger starts without validation.

        What can be converted is, what cannot stays as it was given; nothing is required, and what
        the flow does not declare is kept.
        """
        states = await self._states(loaded, loaded.flow.inputs, data, execution_id)
        declared = {
            state.input.id: state.value
            for state in states
            if state.enabled and (state.value is not None or not state.errors)
        }
        known = {state.input.id for state in states}
        others = {key: value for key, value in data.items() if key not in known}
        return dict(as_json({**others, **nest(declared)}))

    async def states(
        self, loaded: LoadedFlow, declared: Inputs, data: Mapping[str, Any]
    ) -> list[InputState]:
        """Return what would become of each input; secrets are shown as asterisks."""
        seal = sealing(self._parts.cipher)

        def veil(text: str) -> str:
            seal(text)  # without a key it cannot be kept
            return MASK

        secrets = Secrets()
        states = await self._asked(loaded, declared, data, _Asking("", veil, secrets))
        return [replace(each, value=hidden(each.value, secrets)) for each in states]

    def variables(self, loaded: LoadedFlow) -> dict[str, Any]:
        """Return what expressions of inputs see of the flow."""
        return flow_variables(loaded)

    async def _resolved(
        self, loaded: LoadedFlow, declared: Inputs, data: Mapping[str, Any], execution_id: str
    ) -> dict[str, Any]:
        if not declared:
            return {}
        states = await self._states(loaded, declared, data, execution_id)
        return dict(as_json(values_of(states)))

    async def _states(
        self, loaded: LoadedFlow, declared: Inputs, data: Mapping[str, Any], execution_id: str
    ) -> list[InputState]:
        cipher, secrets = self._parts.cipher, Secrets()
        asking = _Asking(execution_id, sealing(cipher), secrets)
        states = await self._asked(loaded, declared, data, asking)
        if secrets:
            states = [
                replace(each, value=protected(each.value, secrets, cipher)) for each in states
            ]
        if not any(_names_file(state) for state in states):
            return states
        return [await self._copied(loaded, state, execution_id) for state in states]

    async def _asked(
        self,
        loaded: LoadedFlow,
        declared: Inputs,
        data: Mapping[str, Any],
        asking: "_Asking",
    ) -> list[InputState]:
        """Resolve, again for each answer from outside that an expression waits for."""
        evaluation = _Evaluation(lambda: self._environment(self._stub(loaded, asking)))
        variables = {**self.variables(loaded), **await surroundings(self._parts, loaded)}
        for _ in range(_QUESTIONS):
            try:
                states = validate_inputs(
                    declared,
                    data,
                    evaluate=evaluation.evaluate,
                    variables=variables,
                    keep_secret=asking.keep_secret,
                )
            except Pending as pending:
                await evaluation.ask(pending)
            else:
                return [_masked(each, asking.secrets) for each in states]
        message = f"the expressions of the inputs ask more than {_QUESTIONS} questions"
        raise Conflict(message)

    def _stub(self, loaded: LoadedFlow, asking: "_Asking") -> Live:
        """Return the execution as it is before it has any inputs."""
        revision = loaded.revision
        data = {
            "tenant": revision.tenant,
            "namespace": revision.namespace,
            "flow_id": revision.flow_id,
            "revision": revision.revision,
            "commit": revision.snapshot or revision.commit,
            "blob": revision.blob,
            "inputs": {},
            "labels": [],
        }
        now = self._parts.clock.now()
        created = Event(Kind.CREATED, now, ROOT, State.CREATED, data=data)
        live = self._make(Execution.created(asking.execution_id, created), loaded)
        live.secrets = asking.secrets
        return live

    async def _copied(self, loaded: LoadedFlow, state: InputState, execution_id: str) -> InputState:
        """Return the state with a namespace file put among the files of the execution."""
        if not _names_file(state):
            return state
        revision = loaded.revision
        place, _, path = state.value.removeprefix(NAMESPACE_FILE).partition("/")
        namespace = place or revision.namespace
        own = namespace == revision.namespace
        who = Identity(self._parts.tenants, revision.tenant, revision.namespace)
        try:
            await who.ask(namespace, "files")
            data = await self._parts.files.read(
                revision.tenant,
                namespace,
                path,
                (revision.snapshot or revision.commit) if own else None,
            )
        except HeadwaterError as error:
            name = state.input.id
            message = f"Invalid input for `{name}`, {error.message}, but received `{state.value}`"
            return replace(state, errors=(message,))
        place = revision.namespace, revision.flow_id, execution_id
        folder = execution_files(*place, revision.tenant)
        uri = f"{folder}/inputs/{state.input.id}/{path.rpartition('/')[2]}"
        await self._parts.storage.put(uri, _once(data))
        return replace(state, value=uri)


class _Asking(NamedTuple):
    """For whom inputs are resolved, and what becomes of secrets."""

    execution_id: str
    keep_secret: Callable[[str], Any]
    secrets: Secrets
    """What the expressions of the inputs asked for."""


def _masked(state: InputState, secrets: Secrets) -> InputState:
    if not (secrets and state.errors):
        return state
    return replace(state, errors=tuple(masked(each, secrets) for each in state.errors))


def _names_file(state: InputState) -> bool:
    return (
        state.input.type == "FILE"
        and state.enabled
        and not state.errors
        and isinstance(state.value, str)
        and state.value.startswith(NAMESPACE_FILE)
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


class _Evaluation:
    """Evaluates templates; remembers what the outside has answered."""

    def __init__(self, environment: Callable[[], Environment]) -> None:
        self._make = environment
        self._environment: Environment | None = None
        self._answers = _Answers()

    def evaluate(self, template: str, context: Mapping[str, Any]) -> Any:
        if self._environment is None:
            made = self._make()
            self._answers.host = made.host
            self._environment = replace(made, host=self._answers)
        return compile_template(template).value(context, self._environment)

    async def ask(self, pending: Pending) -> None:
        key = repr((pending.name, pending.arguments))
        try:
            self._answers.known[key] = await self._answers.fetch(pending.name, pending.arguments)
        except HeadwaterError as error:
            self._answers.known[key] = error


class _Answers:
    """A host that knows what another one has answered before."""

    def __init__(self) -> None:
        self.host: Host | None = None
        self.known: dict[str, Any] = {}

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        key = repr((name, arguments))
        if key in self.known:
            known = self.known[key]
            if isinstance(known, HeadwaterError):
                raise known
            return known
        return UNKNOWN if self.host is None else self.host.answer(name, arguments)

    def may_read(self, uri: str) -> bool:
        return self.host is not None and self.host.may_read(uri)

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if self.host is None:
            message = f"{name}() is not available here"
            raise Conflict(message)
        return await self.host.fetch(name, arguments)
