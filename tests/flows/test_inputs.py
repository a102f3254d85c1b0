"""Resolution of inputs: conversion, constraints, dependencies, defaults, choices, messages."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ExpressionError, MissingVariable
from app.flows.declarations import INPUT_TYPES, Input
from app.flows.inputs import InputState, InvalidInputs, resolve_inputs, validate_inputs
from app.flows.nesting import lookup, nest
from tests.flows.fakes import flow, parse


def declare(*inputs: dict[str, Any]) -> list[Input]:
    """Return the inputs that a flow with these declarations has."""
    return [INPUT_TYPES[each["type"]].model_validate(each) for each in inputs]


def evaluate(template: str, context: Mapping[str, Any]) -> Any:
    """Evaluate `{{ a.b }}` and `{{ a.b == 'text' }}`; anything else is an error."""
    match = re.fullmatch(r"\{\{ ([\w.]+)(?: == '(\w*)')? \}\}", template)
    if match is None:
        raise ExpressionError(f"cannot read {template}")
    value: Any = context
    for part in match.group(1).split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise MissingVariable(f"`{part}` is missing")
        value = value[part]
    return value if match.group(2) is None else value == match.group(2)


def resolve(inputs: list[Input], data: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    return resolve_inputs(inputs, data, evaluate=evaluate, **options)


def states(inputs: list[Input], data: Mapping[str, Any], **options: Any) -> list[InputState]:
    return validate_inputs(inputs, data, evaluate=evaluate, **options)


def error_of(declared: dict[str, Any], value: Any) -> str:
    """Return the one error that a value of one input has, empty if it has none."""
    (state,) = states(declare({"id": "x", **declared}), {"x": value})
    return "\n".join(state.errors)


ACCEPTED: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "STRING"}, "a", "a"),
    ({"type": "STRING"}, "", ""),
    ({"type": "STRING"}, 3, "3"),
    ({"type": "STRING"}, True, "true"),
    ({"type": "STRING", "validator": r"A\d+"}, "A12", "A12"),
    ({"type": "STRING", "validator": "^(?=.*[A-Z]).{3,}$"}, "abC", "abC"),
    ({"type": "ENUM", "values": ["a", "b"]}, "b", "b"),
    ({"type": "ENUM", "values": ["a"], "required": False}, "c", "c"),
    ({"type": "SELECT", "values": ["a", "b"]}, "a", "a"),
    ({"type": "SELECT", "values": ["a"], "allowCustomValue": True}, "c", "c"),
    ({"type": "SELECT", "values": ["1", "2"]}, 1, "1"),
    ({"type": "MULTISELECT", "values": ["a", "b"]}, ["a", "b"], ["a", "b"]),
    ({"type": "MULTISELECT", "values": ["a", "b"]}, '["b"]', ["b"]),
    ({"type": "MULTISELECT", "options": ["a", "b"]}, [], []),
    ({"type": "MULTISELECT", "values": ["1", "2"], "itemType": "INT"}, ["1", 2], [1, 2]),
    ({"type": "MULTISELECT", "values": ["a"], "allowCustomValue": True}, ["c"], ["c"]),
    ({"type": "INT"}, "42", 42),
    ({"type": "INT"}, "+42", 42),
    ({"type": "INT"}, -42, -42),
    ({"type": "INT", "min": 10, "max": 20}, "10", 10),
    ({"type": "INT", "min": 10, "max": 20}, "20", 20),
    ({"type": "FLOAT"}, "42.42", 42.42),
    ({"type": "FLOAT"}, 3, 3.0),
    ({"type": "FLOAT"}, "1e3", 1000.0),
    ({"type": "FLOAT", "min": 0.1, "max": 0.5}, "0.42", 0.42),
    ({"type": "BOOLEAN"}, "TRUE", True),
    ({"type": "BOOLEAN"}, "yes", False),
    ({"type": "BOOLEAN"}, True, True),
    ({"type": "BOOL"}, "false", False),
    ({"type": "DATETIME"}, "2019-10-06T18:27:49Z", "2019-10-06T18:27:49Z"),
    ({"type": "DATETIME"}, "2019-10-06T18:27:49+02:00", "2019-10-06T16:27:49Z"),
    ({"type": "DATE"}, "2019-10-06", "2019-10-06"),
    ({"type": "DATE", "after": "2023-01-01", "before": "2023-12-31"}, "2023-01-01", "2023-01-01"),
    ({"type": "TIME"}, "18:27:49", "18:27:49"),
    ({"type": "TIME"}, "18:27", "18:27"),
    ({"type": "DURATION"}, "PT5M6S", "PT5M6S"),
    ({"type": "DURATION"}, "P1D", "PT24H"),
    ({"type": "DURATION"}, 90, "PT1M30S"),
    ({"type": "FILE"}, "kestra:///a/b.csv", "kestra:///a/b.csv"),
    ({"type": "FILE", "allowedFileExtensions": [".csv"]}, "kestra:///a.CSV", "kestra:///a.CSV"),
    ({"type": "JSON"}, '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
    ({"type": "JSON"}, "3", 3),
    ({"type": "JSON"}, {"a": 1}, {"a": 1}),
    ({"type": "YAML"}, "some: property\nalist:\n- of", {"some": "property", "alist": ["of"]}),
    ({"type": "YAML"}, {"a": 1}, {"a": 1}),
    ({"type": "URI"}, "https://www.google.com", "https://www.google.com"),
    ({"type": "URI"}, "http://a-b.example.org/x?y=z#w", "http://a-b.example.org/x?y=z#w"),
    ({"type": "EMAIL"}, "a.b+c@example.org", "a.b+c@example.org"),
    ({"type": "EMAIL"}, "", ""),
    ({"type": "SECRET"}, "s3cret", "s3cret"),
    ({"type": "ARRAY", "itemType": "INT"}, "[1, 2, 3]", [1, 2, 3]),
    ({"type": "ARRAY", "itemType": "INT"}, ["1", 2], [1, 2]),
    ({"type": "ARRAY", "itemType": "DATE"}, ["2024-01-01"], ["2024-01-01"]),
    ({"type": "OBJECT"}, '{"a": 1}', {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "given_", "value"), ACCEPTED)
def test_accepted(declared: dict[str, Any], given_: Any, value: Any) -> None:
    resolved = resolve(declare({"id": "x", **declared}), {"x": given_})
    assert resolved == {"x": value}
    assert type(resolved["x"]) is type(value)


REFUSED: list[tuple[dict[str, Any], Any, str]] = [
    (
        {"type": "STRING", "validator": r"A\d+"},
        "foo",
        r"Invalid input for `x`, it must match the pattern `A\d+`, but received `foo`",
    ),
    (
        {"type": "ENUM", "values": ["a", "b"]},
        "c",
        "Invalid input for `x`, it must match the values `[a, b]`, but received `c`",
    ),
    (
        {"type": "SELECT", "values": ["a", "b"]},
        "c",
        "Invalid input for `x`, it must match the values `[a, b]`, but received `c`",
    ),
    (
        {"type": "MULTISELECT", "values": ["a", "b"]},
        ["a", "c"],
        "Invalid input for `x`, it must match the values `[a, b]`, but received `[a, c]`",
    ),
    (
        {"type": "INT"},
        "abc",
        (
            "Invalid input for `x`, Expected `INT` but received `abc` with errors: "
            'For input string: "abc", but received `abc`'
        ),
    ),
    (
        {"type": "INT", "min": 10, "max": 20},
        "9",
        "Invalid input for `x`, it must be more than `10`, but received `9`",
    ),
    (
        {"type": "INT", "min": 10, "max": 20},
        "21",
        "Invalid input for `x`, it must be less than `20`, but received `21`",
    ),
    (
        {"type": "FLOAT", "min": 0.1, "max": 0.5},
        "0.01",
        "Invalid input for `x`, it must be more than `0.1`, but received `0.01`",
    ),
    (
        {"type": "FLOAT", "min": 0.1, "max": 0.5},
        "1.01",
        "Invalid input for `x`, it must be less than `0.5`, but received `1.01`",
    ),
    (
        {"type": "DATETIME", "after": "2023-01-01T00:00:00Z"},
        "2022-01-01T00:00:00Z",
        (
            "Invalid input for `x`, it must be after `2023-01-01T00:00:00Z`, "
            "but received `2022-01-01T00:00:00Z`"
        ),
    ),
    (
        {"type": "DATE", "before": "2023-12-31"},
        "2024-01-01",
        "Invalid input for `x`, it must be before `2023-12-31`, but received `2024-01-01`",
    ),
    (
        {"type": "TIME", "after": "01:00:00"},
        "00:27:49",
        "Invalid input for `x`, it must be after `01:00`, but received `00:27:49`",
    ),
    (
        {"type": "DURATION", "min": "PT10S", "max": "PT20S"},
        "PT1S",
        "Invalid input for `x`, It must be more than `PT10S`, but received `PT1S`",
    ),
    (
        {"type": "DURATION", "min": "PT10S", "max": "PT20S"},
        "PT30S",
        "Invalid input for `x`, It must be less than `PT20S`, but received `PT30S`",
    ),
    (
        {"type": "URI"},
        "http:/bla",
        "Invalid input for `x`, Expected `URI` but received `http:/bla`, but received `http:/bla`",
    ),
    (
        {"type": "EMAIL"},
        "nobody",
        "Invalid input for `x`, The input must be a valid email, but received `nobody`",
    ),
    (
        {"type": "ARRAY", "itemType": "INT"},
        '["s1", "s2"]',
        (
            "Invalid input for `x`, Unable to parse array element as `INT` on `s1`, "
            'but received `["s1", "s2"]`'
        ),
    ),
    (
        {"type": "STRING"},
        None,
        "Invalid input for `x`, missing required input, but received `null`",
    ),
    (
        {"type": "SECRET", "validator": "a+"},
        "hunter2",
        "Invalid input for `x`, it must match the pattern `a+`, but received `********`",
    ),
    (
        {"type": "SECRET"},
        {"hunter2": 1},
        "Invalid input for `x`, Expected `SECRET`, but received `********`",
    ),
    (
        {"type": "FILE", "allowedFileExtensions": [".csv"]},
        "kestra:///a.txt",
        (
            "Invalid input for `x`, the file must have one of the extensions `[.csv]`, "
            "but received `kestra:///a.txt`"
        ),
    ),
]


@pytest.mark.parametrize(("declared", "value", "message"), REFUSED)
def test_refused_in_kestras_words(declared: dict[str, Any], value: Any, message: str) -> None:
    assert error_of(declared, value) == message


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "STRING"}, ["a"]),
        ({"type": "STRING"}, {"a": 1}),
        ({"type": "INT"}, 2**31),
        ({"type": "INT"}, -(2**31) - 1),
        ({"type": "INT"}, "9" * 5000),
        ({"type": "INT"}, "1.5"),
        ({"type": "INT"}, " 1"),
        ({"type": "INT"}, 1.5),
        ({"type": "INT"}, True),
        ({"type": "INT"}, "١"),
        ({"type": "FLOAT"}, "1_0"),
        ({"type": "FLOAT"}, "x"),
        ({"type": "FLOAT"}, []),
        ({"type": "DATETIME"}, "2019-10-06"),
        ({"type": "DATETIME"}, 3),
        ({"type": "DATE"}, "06/10/2019"),
        ({"type": "TIME"}, "25:00"),
        ({"type": "DURATION"}, "5 minutes"),
        ({"type": "DURATION"}, True),
        ({"type": "FILE"}, "/etc/passwd"),
        ({"type": "FILE"}, "file:///etc/passwd"),
        ({"type": "JSON"}, "{"),
        ({"type": "JSON"}, "NaN"),
        ({"type": "JSON"}, "[" * 100_000),
        ({"type": "YAML"}, "a: ["),
        ({"type": "YAML"}, "[" * 50_000),
        ({"type": "YAML"}, "a: 1\na: 2"),
        ({"type": "URI"}, 'data:text/plain,"x"'),
        ({"type": "ARRAY", "itemType": "INT"}, "1"),
        ({"type": "ARRAY", "itemType": "INT"}, "{}"),
        ({"type": "ARRAY", "itemType": "DATE"}, ["x"]),
        ({"type": "MULTISELECT", "values": ["a"]}, "a"),
        ({"type": "STRING", "validator": "(a+)+$"}, "a" * 40 + "!"),
        ({"type": "STRING", "validator": r"(?=a)(a+)+\1$"}, "a" * 300 + "!"),
    ],
)
def test_refused(declared: dict[str, Any], value: Any) -> None:
    error = error_of(declared, value)
    assert error.startswith("Invalid input for `x`, ")
    assert len(error) < 3_000


def test_all_errors_are_told_at_once() -> None:
    inputs = declare(
        {"id": "a", "type": "INT"},
        {"id": "b", "type": "STRING"},
        {"id": "c", "type": "INT", "min": 5, "max": 1},
    )
    with pytest.raises(InvalidInputs) as caught:
        resolve(inputs, {"a": "x", "c": 3})
    assert [name for name, _ in caught.value.errors] == ["a", "b", "c", "c"]
    assert caught.value.status == 422
    assert caught.value.message.startswith("Invalid entity: a: Invalid input for `a`, Expected")
    assert caught.value.details["errors"][1] == {
        "path": "b",
        "message": "Invalid input for `b`, missing required input, but received `null`",
    }


def test_what_is_left_out() -> None:
    inputs = declare(
        {"id": "given", "type": "STRING"},
        {"id": "optional", "type": "STRING", "required": False},
        {"id": "default", "type": "INT", "defaults": 3},
        {"id": "empty", "type": "STRING", "defaults": ""},
    )
    assert resolve(inputs, {"given": "x", "unknown": "y"}) == {
        "given": "x",
        "optional": None,
        "default": 3,
        "empty": "",
    }


def test_a_default_is_marked() -> None:
    inputs = declare({"id": "a", "type": "INT", "defaults": 3}, {"id": "b", "type": "INT"})
    first, second = states(inputs, {"b": 1})
    assert (first.value, first.is_default) == (3, True)
    assert (second.value, second.is_default) == (1, False)


def test_null_is_not_given_but_an_empty_text_is() -> None:
    inputs = declare({"id": "a", "type": "STRING", "defaults": "d"})
    assert resolve(inputs, {"a": None}) == {"a": "d"}
    assert resolve(inputs, {"a": ""}) == {"a": ""}


def test_dots_nest() -> None:
    inputs = declare(
        {"id": "db.host", "type": "STRING"},
        {"id": "db.port", "type": "INT"},
        {"id": "plain", "type": "STRING"},
    )
    expected = {"db": {"host": "h", "port": 1}, "plain": "p"}
    assert resolve(inputs, {"db.host": "h", "db.port": "1", "plain": "p"}) == expected
    assert resolve(inputs, {"db": {"host": "h", "port": 1}, "plain": "p"}) == expected


def test_nesting() -> None:
    assert nest({"a": 1, "a.b": 2}) == {"a": 1}
    assert nest({"a.b": 2, "a": 1}) == {"a": {"b": 2}}
    assert nest({"a": {"x": 1}, "a.b": 2}) == {"a": {"x": 1}}
    assert nest({"a.b.c": 1, "a.b.d": 2, "a.e": 3}) == {"a": {"b": {"c": 1, "d": 2}, "e": 3}}
    assert lookup({"a": {"b": None}}, "a.b") is None
    assert lookup({"a": 1}, "a.b") is None


def _depending(condition: str | None = None, *, on: str = "a") -> dict[str, Any]:
    depends: dict[str, Any] = {"inputs": [on]}
    if condition is not None:
        depends["condition"] = condition
    return depends


def test_an_input_whose_condition_is_not_true_does_not_exist() -> None:
    inputs = declare(
        {"id": "a", "type": "STRING"},
        {"id": "b", "type": "STRING", "dependsOn": _depending("{{ inputs.a == 'yes' }}")},
        {"id": "c", "type": "STRING", "dependsOn": _depending(on="b")},
        {"id": "d", "type": "INT", "dependsOn": _depending("{{ inputs.a }}")},
    )
    assert resolve(inputs, {"a": "yes", "b": "x", "c": "y"}) == {"a": "yes", "b": "x", "c": "y"}
    # neither a value nor a default nor an error; and the text "true" is not true
    assert resolve(inputs, {"a": "true", "b": "x", "d": "no number"}) == {"a": "true"}


def test_dependencies_are_resolved_first_and_states_keep_their_order() -> None:
    inputs = declare(
        {"id": "b", "type": "STRING", "dependsOn": _depending("{{ inputs.a == 'yes' }}")},
        {"id": "a", "type": "STRING", "defaults": "yes"},
    )
    assert [s.input.id for s in states(inputs, {"b": "x"})] == ["b", "a"]
    assert resolve(inputs, {"b": "x"}) == {"b": "x", "a": "yes"}


def test_a_condition_only_sees_what_its_input_depends_on() -> None:
    inputs = declare(
        {"id": "a", "type": "STRING"},
        {"id": "b", "type": "STRING", "dependsOn": {"condition": "{{ inputs.a == 'x' }}"}},
    )
    _, second = states(inputs, {"a": "x", "b": "y"})
    assert not second.enabled
    assert second.errors == ("Invalid condition: `a` is missing",)


def test_a_condition_that_fails_disables_and_is_an_error() -> None:
    inputs = declare(
        {"id": "a", "type": "STRING"},
        {"id": "b", "type": "STRING", "dependsOn": _depending("{{ nope( }}")},
    )
    with pytest.raises(InvalidInputs, match="Invalid condition: cannot read"):
        resolve(inputs, {"a": "x", "b": "y"})


def test_circles_unknown_and_own_ids_come_to_an_end() -> None:
    inputs = declare(
        {"id": "a", "type": "STRING", "dependsOn": {"inputs": ["b", "nope"]}},
        {"id": "b", "type": "STRING", "dependsOn": {"inputs": ["a", "b"]}},
    )
    assert resolve(inputs, {"a": "x", "b": "y"}) == {"a": "x", "b": "y"}


def test_a_long_chain_of_dependencies() -> None:
    count = 3_000
    inputs = declare(
        *(
            {"id": f"i{n}", "type": "INT", "defaults": n, "dependsOn": {"inputs": [f"i{n + 1}"]}}
            for n in range(count)
        )
    )
    assert resolve(inputs, {})["i0"] == 0


def test_defaults_may_be_expressions() -> None:
    inputs = declare(
        {"id": "a", "type": "INT", "defaults": 2},
        {"id": "b", "type": "INT", "defaults": "{{ inputs.a }}", "dependsOn": _depending()},
        {"id": "c", "type": "JSON", "defaults": {"v": ["{{ vars.x }}"]}},
        {"id": "d", "type": "ARRAY", "itemType": "STRING", "defaults": "{{ vars.list }}"},
    )
    variables = {"vars": {"x": "y", "list": ["p", "q"]}}
    assert resolve(inputs, {}, variables=variables) == {
        "a": 2,
        "b": 2,
        "c": {"v": ["y"]},
        "d": ["p", "q"],
    }


def test_what_was_given_is_never_evaluated() -> None:
    inputs = declare({"id": "a", "type": "STRING"})
    assert resolve(inputs, {"a": "{{ vars.x }}"}) == {"a": "{{ vars.x }}"}


def test_a_default_that_fails_is_an_error() -> None:
    assert "`x` is missing" in error_of({"type": "STRING", "defaults": "{{ x }}"}, None)


@pytest.mark.parametrize("type_", ["SELECT", "MULTISELECT"])
def test_choices_may_be_an_expression(type_: str) -> None:
    inputs = declare({"id": "x", "type": type_, "expression": "{{ values }}"})
    (state,) = states(
        inputs,
        {"x": '["1"]' if type_ == "MULTISELECT" else "1"},
        variables={"values": ["a", None, 1]},
    )
    assert state.errors == ()
    assert state.input.values == ["a", "1"]  # type: ignore[attr-defined]  # a choice has values
    assert inputs[0].values is None  # type: ignore[attr-defined]  # the declaration stays as it is


def test_choices_must_be_a_list() -> None:
    inputs = declare({"id": "x", "type": "SELECT", "expression": "{{ values }}"})
    (state,) = states(inputs, {"x": "a"}, variables={"values": "a"})
    assert "expected a list of strings: a" in state.errors[0]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "SELECT", "values": ["a", "b"], "autoSelectFirst": True}, "a"),
        ({"type": "MULTISELECT", "values": ["a", "b"], "autoSelectFirst": True}, ["a"]),
        ({"type": "MULTISELECT", "options": ["a", "b"], "autoSelectFirst": True}, ["a"]),
        ({"type": "SELECT", "values": ["a"], "autoSelectFirst": True, "defaults": "a"}, "a"),
    ],
)
def test_the_first_choice_is_selected(declared: dict[str, Any], value: Any) -> None:
    (state,) = states(declare({"id": "x", **declared}), {})
    assert (state.value, state.is_default, state.errors) == (value, True, ())


def test_what_is_kept_of_a_secret_is_the_callers_choice() -> None:
    inputs = declare(
        {"id": "s", "type": "SECRET"}, {"id": "o", "type": "SECRET", "required": False}
    )
    assert resolve(inputs, {"s": "x"}, keep_secret=lambda text: {"sealed": len(text)}) == {
        "s": {"sealed": 1},
        "o": None,
    }


def test_other_errors_pass_through() -> None:
    class WaitError(Exception):
        pass

    def ask(template: str, context: Mapping[str, Any]) -> Any:
        raise WaitError

    inputs = declare({"id": "x", "type": "SELECT", "expression": "{{ http('x') }}"})
    with pytest.raises(WaitError):
        resolve_inputs(inputs, {}, evaluate=ask)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_EXTRA: dict[str, dict[str, Any]] = {
    "ENUM": {"values": ["a"]},
    "SELECT": {"values": ["a"]},
    "MULTISELECT": {"values": ["a"], "itemType": "INT"},
    "ARRAY": {"itemType": "DURATION"},
    "INT": {"min": 3},
    "DATE": {"after": "2024-01-01"},
    "DURATION": {"max": 3},
}


@given(st.sampled_from(sorted(INPUT_TYPES)), _json)
def test_any_value_is_converted_or_refused(type_: str, value: Any) -> None:
    (state,) = states(declare({"id": "x", "type": type_, **_EXTRA.get(type_, {})}), {"x": value})
    assert all(error.startswith("Invalid input for `x`, ") for error in state.errors)


def test_the_inputs_of_a_document() -> None:
    source = flow(
        "inputs:\n  - {name: a, type: STRING, defaults: 1.10}\n"
        "  - {id: b, type: SELECT, values: [1.0, yes, True], defaults: True}\n"
        "  - {id: c, type: DATE, after: 2023-01-01, required: false}"
    )
    parsed = parse(source)
    assert parsed.flow is not None
    assert resolve(list(parsed.flow.inputs), {}) == {"a": "1.10", "b": "True", "c": None}
