"""Changing one secret of a file."""

import pytest

from app.secrets.documents import (
    OpenDocument,
    close_document,
    new_document,
    open_document,
    read_document,
    read_plain,
)
from app.secrets.editing import (
    BadKey,
    check_key,
    for_place,
    has_plain,
    keys_of,
    put,
    scope_of,
    without,
)
from app.secrets.errors import Malformed, MisplacedSecrets
from app.secrets.keys import new_identity
from app.secrets.rules import read_rules

NOW = 1_800_000_000_000_000
IDENTITY, RECIPIENT = new_identity()


def opened(text: str, **rules: str) -> OpenDocument:
    document = new_document([RECIPIENT], rules=read_rules(rules))
    source = close_document(document.with_branches(read_plain(text.encode())), NOW)
    return open_document(source, [IDENTITY])


def values(document: OpenDocument) -> dict[str, object]:
    return dict(read_document(close_document(document, NOW), [IDENTITY]).values)


def test_a_secret_is_set_in_its_place_or_at_the_end() -> None:
    document = put(put(opened("# of a\na: 1\nb: 2\n"), "a", "new"), "c", 3)
    assert list(values(document).items()) == [("a", "new"), ("b", 2), ("c", 3)]
    assert keys_of(without(document, "b")) == ["a", "c"]


def test_a_secret_of_a_later_document_is_set_there() -> None:
    document = put(opened("a: 1\n---\nb: 2\n"), "b", 3)
    assert [keys_of(branch) for branch in document.branches] == [["a"], ["b"]]


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_secret_is_refused(value: str | None) -> None:
    with pytest.raises(Malformed, match="empty"):
        put(opened("a: 1\n"), "a", value)


def test_what_the_rules_leave_readable_is_refused() -> None:
    with pytest.raises(Malformed, match="readable"):
        put(opened("a: 1\n"), "b_unencrypted", "x")
    with pytest.raises(Malformed, match="readable"):
        put(opened("x_a: 1\n", encrypted_regex="^x_"), "b", "x")
    with pytest.raises(Malformed, match="_scope"):
        for_place(opened("x_a: 1\n", encrypted_regex="^x_"), "main")


def test_a_file_is_bound_to_one_place() -> None:
    document = for_place(opened("a: 1\n"), scope_of("main", "company.team"))
    source = close_document(document, NOW)
    found = read_document(source, [IDENTITY])
    assert (found.scope, dict(found.values)) == ("main/company.team", {"a": 1})
    assert for_place(document, "main/company.team") == document
    with pytest.raises(MisplacedSecrets, match="main/other"):
        for_place(document, "main/other")
    assert scope_of("main", None) == scope_of("main", "") == "main"


def test_a_scope_in_the_clear_is_none() -> None:
    document = opened("_scope: main\nx: 1\n", encrypted_regex="^x")
    assert read_document(close_document(document, NOW), [IDENTITY]).scope is None
    assert has_plain(document) == []
    assert has_plain(opened("a: [{b: c}]\nx: 1\ne: ''\nf: [null]\n", encrypted_regex="^x")) == ["a"]


@pytest.mark.parametrize("key", ["", "sops", "_scope", "a b", "a\n", "a:b", "é", "x" * 257, "../a"])
def test_some_names_are_none(key: str) -> None:
    with pytest.raises(BadKey):
        check_key(key)
