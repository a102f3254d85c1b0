"""Identity without a parser agrees with the parser, or says that it does not know."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.git.identity import Identity, identify

HELLO = Identity("hello", "company.team")


@pytest.mark.parametrize(
    "text",
    [
        "id: hello\nnamespace: company.team\n",
        "namespace: company.team\nid: hello",
        "# c\n---\nid: hello # c\nnamespace:   company.team  \ntasks: []\n",
        "id: 'hello'\nnamespace: \"company.team\" # x\n",
        "\"id\": hello\n'namespace': company.team\n",
        "id: hello\r\nnamespace: company.team\r\n",
        "\ufeffid: hello\nnamespace: company.team\n",
        "id : hello\n\n\nnamespace: company.team\n\n  \n# end\n",
        "tasks:\n  - id: other\n    namespace: x\nid: hello\nnamespace: company.team\n",
        "description: |\n  id: other\nid: hello\nnamespace: company.team\n",
        "description: it is\n  id: other\nid: hello\nnamespace: company.team\n",
        "description: \"a 'b'\"\nid: hello\nnamespace: company.team\n",
        "idx: 1\nid: hello\nnamespaces: 3\nnamespace: company.team\n",
    ],
)
def test_known(text: str) -> None:
    assert identify(text.encode()) == HELLO


def test_without_a_namespace() -> None:
    assert identify(b"id: hello\ntasks: []\n") == Identity("hello", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tasks: []",
        "id:\nnamespace: x",
        "id: a\nid: b\nnamespace: x",
        "id: a\nnamespace: x\nnamespace: y",
        "id: a\n  b\nnamespace: x",
        "id: a\n\n  b\nnamespace: x",
        "id: a#b\n",
        "id: |\n  a\nnamespace: x",
        "id: &x a\nnamespace: x",
        "id: !!str a",
        "id: *x",
        "id: 12\nnamespace: x",
        "id: true\nnamespace: x",
        "id: ~\nnamespace: x",
        "id: a: b\nnamespace: x",
        "id: {{ x }}\nnamespace: x",
        "id: a\nnamespace: [x]",
        "id: a\nnamespace: x\n---\nid: b",
        "id: a\nnamespace: x\n...\n",
        "{id: a, namespace: x}",
        "- id: a\n",
        'description: "a\nid: b\nc"\nnamespace: x',
        "description: don't\nid: a\nnamespace: x",
        "<<: *x\nid: a\nnamespace: x",
        "? id\n: a",
        "%YAML 1.2\n---\nid: a",
        "--- {id: a}\n",
        "x: 1\n---\nid: a",
        "x: 1\rid: a\n",
        "x: 1\u2028id: a\n",
        'id: "a\\x41"\n',
        "id: ''\n",
        " id: a\n",
        "\tid: a\n",
    ],
)
def test_unsure(text: str) -> None:
    assert identify(text.encode()) is None


def test_bytes_that_are_no_text() -> None:
    assert identify(b"\xff\xfeid: a\n") is None
    assert identify(b"id: a\0b\n") is None
    assert identify(b"id: a\ndescription: \xff\n") == Identity("a", None)


LINES = st.sampled_from(
    [
        "id: a",
        "id: b # c",
        "namespace: x.y",
        "namespace: 'x.y'",
        "  id: c",
        "  namespace: z",
        "- id: d",
        "---",
        "...",
        "# id: e",
        "",
        "  ",
        "description: |",
        "description: >-",
        "  text",
        "text",
        'description: "x',
        'y"',
        "it's: 1",
        "labels:",
        "  k: v",
        "tasks:",
        "  - id: t",
        "id:",
        "'id': f",
        "key: 'open",
        "close'",
        "? id",
        ": g",
        "id: [a]",
        "namespace: {a: b}",
        "id: &n h",
        "<<: {id: q}",
        '"namespace": "w"',
        "id: 'i' ",
        "id: 3",
    ]
)


@given(st.lists(LINES, max_size=9).map("\n".join))
def test_agrees_with_a_parser(text: str) -> None:
    found = identify(text.encode())
    if found is None:
        return
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    assert isinstance(document, dict)
    assert found.flow_id == document.get("id")
    assert found.namespace == document.get("namespace")


@given(st.binary(max_size=200))
def test_takes_any_bytes(data: bytes) -> None:
    identify(data)
