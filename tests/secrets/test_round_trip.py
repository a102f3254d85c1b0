"""Whatever a document holds comes back: from our writer, from the cipher, from the real sops."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.secrets.documents import (
    close_document,
    new_document,
    open_document,
    read_document,
    read_plain,
)
from app.secrets.json_format import read_json, write_json
from app.secrets.keys import new_identity
from app.secrets.tree import Branch, Comment, Entry, Timestamp, Value
from app.secrets.yaml_reading import read_yaml
from app.secrets.yaml_writing import write_yaml
from tests.secrets.sops import Sops

NOW = 1_800_000_000_000_000
IDENTITY, RECIPIENT = new_identity()

LETTERS = st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")
TEXTS = (
    st.text(LETTERS, max_size=30)
    | st.sampled_from(
        ["yes", "010", "1e3", "~", "a: b", "a #b", "- a", "{a", "|", "a\nb\n", "a\n\nb"]
    )
    | st.lists(st.text(LETTERS, max_size=12), max_size=4).map("\n".join)
)
LEAVES = (
    TEXTS
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.sampled_from(
        [Timestamp("2020-01-02T03:04:05Z"), Timestamp("2020-01-02T03:04:05.25+02:00")]
    )
)
KEYS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda key: key not in ("sops", "<<"))
WORDS = st.text("ab #:-'\"", max_size=12).map(Comment)


def branches(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Branch]:
    entries = st.dictionaries(KEYS, values, max_size=4).map(
        lambda held: [Entry(key, value) for key, value in held.items()]
    )
    return st.builds(
        lambda own, comment: Branch((*([Entry(comment, None)] if comment and own else []), *own)),
        entries,
        st.none() | WORDS,
    )


VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | branches(inner),
    max_leaves=12,
)
DOCUMENTS = branches(VALUES)


def bare(value: Value) -> Value:
    """A value without its comments."""
    if isinstance(value, Branch):
        return Branch(tuple(Entry(key, bare(item)) for key, item in value.items()))
    if isinstance(value, tuple):
        return tuple(bare(item) for item in value if not isinstance(item, Comment))
    return value


def typed(value: Value) -> str:
    """A value as text, so that 1 is not True, nor 1.0."""
    return repr(bare(value))


@given(DOCUMENTS)
def test_what_is_written_as_yaml_is_read(document: Branch) -> None:
    (found,) = read_yaml(write_yaml([document]))
    assert typed(found) == typed(document)


@given(st.lists(DOCUMENTS, min_size=2, max_size=3))
def test_several_documents_stay_several(documents: list[Branch]) -> None:
    found = read_yaml(write_yaml(documents))
    assert list(map(typed, found)) == list(map(typed, documents))


@given(DOCUMENTS)
def test_what_is_written_as_json_is_read(document: Branch) -> None:
    text = write_json(document)
    assert write_json(read_json(text)) == text


@given(DOCUMENTS)
def test_what_is_encrypted_is_decrypted(document: Branch) -> None:
    made = new_document([RECIPIENT]).with_branches([document])
    source = close_document(made, NOW)
    (found,) = open_document(source, [IDENTITY]).branches
    assert typed(found) == typed(document)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(DOCUMENTS, min_size=5, max_size=5))
def test_the_real_sops_reads_whatever_was_encrypted(sops: Sops, documents: list[Branch]) -> None:
    """It checks the authentication code, so it sees the same bytes in the same order."""
    whole = Branch(tuple(Entry(f"k{at}", each) for at, each in enumerate(documents)))
    made = new_document([sops.recipient]).with_branches([whole])
    source = close_document(made, NOW)
    told = sops.decrypt(source)
    again = json.loads(sops.decrypt(source, output="json"))
    assert list(again) == [f"k{at}" for at in range(5)]
    encrypted = sops.encrypt(told.decode())
    assert read_document(encrypted, [sops.identity]).recipients == (sops.recipient,)
    assert read_plain(told) == read_plain(sops.decrypt(encrypted))
