"""Resolution of inputs: from what was given to the values an execution starts with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import ExpressionError, Invalid
from app.flows.constraints import violations
from app.flows.convert import ConversionError, convert, java_text, shown
from app.flows.declarations import Input, MultiselectInput, SecretInput, SelectInput
from app.flows.encryption import MASK
from app.flows.nesting import lookup, nest
from app.flows.values import is_template

Evaluate = Callable[[str, Mapping[str, Any]], Any]
"""Evaluates a template in a context to its native value.

An `ExpressionError` it raises becomes an error of the input; any other exception passes through.
"""


class InvalidInputs(Invalid):
    """Some inputs are not valid."""

    code = "INVALID_INPUTS"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        """Make the error from ids of inputs and what is wrong with each."""
        text = ", ".join(f"{name}: {message}" for name, message in errors)
        details = [{"path": name, "message": message} for name, message in errors]
        super().__init__(f"Invalid entity: {text}", errors=details)
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class InputState:
    """What became of one input."""

    input: Input
    """The declaration; choices that an expression yields are filled in."""
    value: Any
    """The converted value; what was given if the input is disabled or has errors."""
    enabled: bool = True
    is_default: bool = False
    errors: tuple[str, ...] = ()


def resolve_inputs(
    flow_inputs: Sequence[Input],
    data: Mapping[str, Any],
    *,
    evaluate: Evaluate,
    variables: Mapping[str, Any] | None = None,
    keep_secret: Callable[[str], Any] = str,
) -> dict[str, Any]:
    """Return the inputs of an execution, dotted ids nested; disabled inputs are left out.

    Args:
        flow_inputs: the declared inputs.
        data: what was given by id; ids that are not declared are ignored.
        evaluate: evaluates conditions, expressions of choices, and defaults.
        variables: what templates see beside `inputs`.
        keep_secret: makes of a SECRET value what is kept of it.

    Raises:
        InvalidInputs: with every error of every input.
    """
    return values_of(
        validate_inputs(
            flow_inputs, data, evaluate=evaluate, variables=variables, keep_secret=keep_secret
        )
    )


def values_of(states: Sequence[InputState]) -> dict[str, Any]:
    """Return the inputs of an execution, dotted ids nested; raises `InvalidInputs`."""
    errors = [(state.input.id, error) for state in states for error in state.errors]
    if errors:
        raise InvalidInputs(errors)
    return nest({state.input.id: state.value for state in states if state.enabled})


def validate_inputs(
    flow_inputs: Sequence[Input],
    data: Mapping[str, Any],
    *,
    evaluate: Evaluate,
    variables: Mapping[str, Any] | None = None,
    keep_secret: Callable[[str], Any] = str,
) -> list[InputState]:
    """Return what becomes of each declared input, in the order of the document."""
    resolver = _Resolver(data, evaluate, variables or {})
    for declared in _in_order(flow_inputs):
        resolver.resolve(declared)
    return [_kept(resolver.states[declared.id], keep_secret) for declared in flow_inputs]


def _kept(state: InputState, keep_secret: Callable[[str], Any]) -> InputState:
    """Return the state with secret values as they are kept; until now others could depend on it."""
    declared = state.input
    if "SECRET" not in (declared.type, getattr(declared, "item_type", None)):
        return state
    if state.value is None or not state.enabled:
        return state
    if state.errors:
        return replace(state, value=None)  # whoever goes on in spite of them keeps no plain text
    try:
        value = (
            [keep_secret(item) for item in state.value]
            if isinstance(state.value, list)
            else keep_secret(state.value)
        )
    except ConversionError as error:
        return replace(state, value=None, errors=(_told(declared, str(error), state.value),))
    return replace(state, value=value)


def _in_order(flow_inputs: Sequence[Input]) -> Iterator[Input]:
    """Yield inputs after those they depend on; a circle is broken where it closes."""
    by_id = {declared.id: declared for declared in flow_inputs}
    begun: set[str] = set()
    for declared in flow_inputs:
        rest = [(declared, False)]
        while rest:
            current, ready = rest.pop()
            if ready:
                yield current
            elif current.id not in begun:
                begun.add(current.id)
                rest.append((current, True))
                needs = current.depends_on.inputs if current.depends_on else []
                rest.extend((by_id[name], False) for name in reversed(needs) if name in by_id)


@dataclass(slots=True)
class _Resolver:
    """Resolves one input after the other and remembers what became of them."""

    data: Mapping[str, Any]
    evaluate: Evaluate
    variables: Mapping[str, Any]
    states: dict[str, InputState] = field(default_factory=dict)

    def resolve(self, declared: Input) -> None:
        """Find out what becomes of an input."""
        given = lookup(self.data, declared.id)
        needed = self._needed(declared)
        context = {
            **self.variables,
            "inputs": nest({s.input.id: s.value for s in needed if s.enabled}),
        }
        enabled = all(state.enabled for state in needed)
        errors: list[str] = []
        if enabled and declared.depends_on is not None and declared.depends_on.condition:
            enabled = self._condition(declared.depends_on.condition, context, errors)
        state = InputState(declared, given, enabled, errors=tuple(errors))
        self.states[declared.id] = self._value(state, context) if enabled else state

    def _needed(self, declared: Input) -> list[InputState]:
        needs = declared.depends_on.inputs if declared.depends_on else []
        return [self.states[name] for name in needs if name in self.states]

    def _condition(self, condition: str, context: Mapping[str, Any], errors: list[str]) -> bool:
        try:
            return self.evaluate(condition, context) is True
        except ExpressionError as error:
            errors.append(f"Invalid condition: {error.message}")
            return False

    def _value(self, state: InputState, context: Mapping[str, Any]) -> InputState:
        """Choose, convert and check the value of an input that is enabled."""
        try:
            declared = self._with_choices(state.input, context)
            value, is_default = state.value, False
            if value is None:
                value = self._default(declared, context)
                is_default = value is not None
        except (ExpressionError, ConversionError) as error:
            return replace(state, errors=(_told(state.input, str(error), state.value),))
        state = replace(state, input=declared, value=value, is_default=is_default)
        if value is None:
            message = _told(declared, "missing required input", None)
            return replace(state, errors=(message,)) if declared.required else state
        return self._converted(state)

    def _converted(self, state: InputState) -> InputState:
        declared = state.input
        item_type = getattr(declared, "item_type", None)
        try:
            value = convert(declared.type, state.value, item_type)
        except ConversionError as error:
            secret = isinstance(declared, SecretInput)  # its message would repeat the value
            message = "Expected `SECRET`" if secret else str(error)
            return replace(state, errors=(_told(declared, message, state.value),))
        errors = tuple(_told(declared, text, state.value) for text in violations(declared, value))
        return replace(state, value=value, errors=errors)

    def _with_choices(self, declared: Input, context: Mapping[str, Any]) -> Input:
        """Return a declaration with the choices that its expression yields."""
        if not isinstance(declared, SelectInput | MultiselectInput) or not declared.expression:
            return declared
        values = self.evaluate(declared.expression, context)
        if not isinstance(values, list):
            message = f"Invalid expression result, expected a list of strings: {shown(values)}"
            raise ConversionError(message)
        texts = [java_text(value) for value in values if value is not None]
        return declared.model_copy(update={"values": texts})

    def _default(self, declared: Input, context: Mapping[str, Any]) -> Any:
        if declared.defaults is not None:
            return self._rendered(declared.defaults, context)
        return _first_choice(declared)

    def _rendered(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Return a default with the templates inside evaluated."""
        if isinstance(value, str):
            return self.evaluate(value, context) if is_template(value) else value
        if isinstance(value, list):
            return [self._rendered(item, context) for item in value]
        if isinstance(value, dict):
            return {key: self._rendered(item, context) for key, item in value.items()}
        return value


def _first_choice(declared: Input) -> Any:
    """Return the value that `autoSelectFirst` chooses, None if it chooses none."""
    if isinstance(declared, SelectInput) and declared.auto_select_first and declared.values:
        return declared.values[0]
    if isinstance(declared, MultiselectInput) and declared.auto_select_first and declared.choices:
        return declared.choices[:1]
    return None


def _told(declared: Input, message: str, value: Any) -> str:
    """Return the text of an error; what was given for a secret is not repeated."""
    if isinstance(declared, SecretInput) and value is not None:
        return f"Invalid input for `{declared.id}`, {message}, but received `{MASK}`"
    return f"Invalid input for `{declared.id}`, {message}, but received `{shown(value)}`"
