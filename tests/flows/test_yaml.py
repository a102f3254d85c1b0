"""The YAML reader: YAML 1.2 values, limits, and errors with their place."""

import contextlib
import math
import time

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from app.flows.places import find_places
from app.flows.yaml import MAX_ALIASES, MAX_BYTES, YamlError, decode, load, split_documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("yes", True),
        ("Off", False),
        ("'yes'", "yes"),
        ("no", False),
        ("on", True),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("12", 12),
        ("+12", 12),
        ("-0", 0),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1:30:00", "1:30:00"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("1.10", 1.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("-.inf", -math.inf),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ("''", ""),
        ("9" * 5000, "9" * 5000),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_scalars_are_those_of_kestra(text: str, value: object) -> None:
    assert load(f"- {text}").value == [value]
    assert type(load(f"- {text}").value[0]) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(load("- .nan").value[0])


def test_keys_are_texts() -> None:
    assert load("1: a\ntrue: b\n~: c\n012: d\n'': e").value == {
        "1": "a",
        "true": "b",
        "~": "c",
        "012": "d",
        "": "e",
    }


def test_merge_keys_are_keys() -> None:
    assert load("a: &x {b: 1}\nc: {<<: *x}").value == {"a": {"b": 1}, "c": {"<<": {"b": 1}}}


def test_aliases_repeat_values() -> None:
    assert load("a: &x [1, {b: 2}]\nc: *x").value == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}
    assert load("&k key: &v value\nother: *v\nmore: *k").value == {
        "key": "value",
        "other": "value",
        "more": "key",
    }


def test_blocks_and_quotes() -> None:
    source = "a: |\n  one\n  two\nb: >-\n  one\n  two\nc: \"x\\ty\"\nd: 'it''s'\n"
    assert load(source).value == {"a": "one\ntwo\n", "b": "one two", "c": "x\ty", "d": "it's"}


@pytest.mark.parametrize(
    ("source", "code", "place", "part"),
    [
        ("a: [", "YAML_SYNTAX", (2, 1), "Invalid YAML"),
        ("a: b: c", "YAML_SYNTAX", (1, 5), "mapping values"),
        ("a:\n\t- b", "YAML_SYNTAX", (2, 1), "cannot start any token"),
        ("a: &a [*a]", "YAML_SYNTAX", (1, 8), "inside its own anchor"),
        ("&a b: *c", "YAML_SYNTAX", (1, 7), "is unknown"),
        ("a: !!str b", "YAML_SYNTAX", (1, 4), "tag"),
        ("a: !python/object:os.system b", "YAML_SYNTAX", (1, 4), "tag"),
        ("!!map\na: b", "YAML_SYNTAX", (1, 1), "tag"),
        ("a: {{ b }}", "YAML_SYNTAX", (1, 5), "put an expression into quotes"),
        ("? [a]\n: b", "YAML_SYNTAX", (1, 3), "A key must be a text"),
        ("a: &x b\n? *x\n: c", "YAML_SYNTAX", (2, 3), "An alias cannot be a key"),
        ("\ufeffa: b", "YAML_SYNTAX", (1, 1), "byte order mark"),
        ("a: b\nc: \0", "YAML_SYNTAX", (2, 1), "NUL"),
        ("a: \ud800", "YAML_SYNTAX", (0, 0), "surrogates"),
        ("a: \x07", "YAML_SYNTAX", (0, 0), "control characters"),
        ("a: b\n---\nc: d", "MULTIPLE_DOCUMENTS", (3, 1), "more than one document"),
        ("[" * 50_000, "TOO_LARGE", None, "deeper than 200"),
        ("{a: " * 50_000, "TOO_LARGE", None, "deeper than 200"),
        ("[" * 201 + "]" * 201, "TOO_LARGE", None, "deeper than 200"),
        ("\n".join("  " * n + "a:" for n in range(300)), "TOO_LARGE", None, "deeper than 200"),
        ("x" * (MAX_BYTES + 1), "TOO_LARGE", (0, 0), "larger than"),
        ("é" * (MAX_BYTES // 2 + 1), "TOO_LARGE", (0, 0), "larger than"),
        ("[" + "0," * 500_000 + "]", "TOO_LARGE", None, "more than 100000 values"),
        ("a: &a x\nb: [" + "*a," * (MAX_ALIASES + 1) + "]", "TOO_LARGE", None, "aliases"),
    ],
)
def test_what_is_refused(source: str, code: str, place: tuple[int, int] | None, part: str) -> None:
    start = time.process_time()
    with pytest.raises(YamlError) as caught:
        load(source)
    assert time.process_time() - start < 2
    assert caught.value.problem == code
    assert part in caught.value.message
    if place is not None:
        assert (caught.value.line, caught.value.column) == place


def test_an_alias_bomb_is_counted_before_it_grows() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(YamlError, match="more than 100000 values"):
        load("\n".join(levels))


def test_200_levels_are_read() -> None:
    value = load("[" * 200 + "]" * 200).value
    for _ in range(199):
        (value,) = value
    assert value == []


def test_duplicate_keys_are_reported_and_the_first_counts() -> None:
    document = load("a: 1\nb: {c: 1, c: 2}\na: {x: [3]}\n")
    assert document.value == {"a": 1, "b": {"c": 1}}
    assert [(e.message, e.line, e.column) for e in document.duplicates] == [
        ('Duplicate key "c"', 2, 11),
        ('Duplicate key "a"', 3, 1),
    ]


@pytest.mark.parametrize("source", ["", "# nothing", "---\n", "---\n...\n", "\n\n"])
def test_an_empty_document_is_none(source: str) -> None:
    assert load(source).value is None


@pytest.mark.parametrize(
    "source", ["---\na: b\n", "a: b\n---\n", "a: b\n...\n", "%YAML 1.2\n---\na: b\n"]
)
def test_markers_around_one_document(source: str) -> None:
    assert load(source).value == {"a": "b"}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"a: \xff", "not UTF-8"),
        ("a: b".encode("utf-16"), "not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_bytes_that_are_refused(data: bytes, part: str) -> None:
    with pytest.raises(YamlError, match=part):
        decode(data)


def test_the_line_of_a_wrong_byte() -> None:
    with pytest.raises(YamlError) as caught:
        decode(b"a: b\nc: \xff\n")
    assert caught.value.line == 2


def test_documents_are_split() -> None:
    source = "a: 1\n---\n# only a comment\n--- # next\nb: |\n  ---x\nc: 2\n---\n"
    parts = split_documents(source)
    assert [load(part.source).value for part in parts] == [{"a": 1}, {"b": "---x\n", "c": 2}]
    assert [part.line for part in parts] == [0, 4]


def test_places() -> None:
    source = "a: x\nb:\n  - 1.10\n  - c: &n yes\n    d: *n\n"
    places = find_places(source)
    assert places["a",][:4] == (1, 4, 1, 1)
    assert places["b",][:4] == (3, 3, 2, 1)
    assert places["b", 0] == (3, 5, 3, 5, "1.10")
    assert places["b", 1][:2] == (4, 5)
    assert places["b", 1, "c"] == (4, 8, 4, 5, "yes")
    assert places["b", 1, "d"] == (5, 8, 5, 5, None)


# no digits in texts: YAML 1.1 writes `1e5` and `0o7` without quotes, which are numbers in 1.2
_texts = st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=20)
_leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)


@given(_values, st.booleans())
def test_what_is_dumped_is_loaded(value: object, flow_style: bool) -> None:
    text = pyyaml.safe_dump(value, default_flow_style=flow_style, allow_unicode=False, width=10_000)
    loaded = load(text)
    places = find_places(text)
    assert loaded.value == value
    assert set(_paths(loaded.value)) <= set(places)


def _paths(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [p for key, item in value.items() for p in _paths(item, (*path, key))]
    if isinstance(value, list):
        found += [p for n, item in enumerate(value) for p in _paths(item, (*path, n))]
    return found


@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%@`# \n\t~0123456789.e", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(YamlError):
        load(text)
        find_places(text)
