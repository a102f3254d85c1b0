"""Names of secrets in SOPS files; no value ever comes out."""

import pytest

from app.flows.secret_files import read_secret_file


def test_names_and_hashes() -> None:
    one = read_secret_file(b"A: ENC[x]\nB: {c: 'ENC[y]'}\nsops: {mac: plain}\n")
    assert list(one.secrets) == ["A", "B"]
    assert not one.problems
    two = read_secret_file(b"B: {c: 'ENC[z]'}\nA: ENC[x]\n")
    assert one.secrets["A"] == two.secrets["A"]
    assert one.secrets["B"] != two.secrets["B"]


def test_plain_values_are_errors_that_do_not_repeat_them() -> None:
    text = b"A: swordfish\nB:\n  - ENC[x]\n  - hunter2\nC: 5\nD: ''\nE_unencrypted: fine\nF: ENC[x"
    problems = read_secret_file(text).problems
    assert [(each.code, each.line, each.path) for each in problems] == [
        ("SECRET_PLAINTEXT", 1, "A"),
        ("SECRET_PLAINTEXT", 4, "B[1]"),
        ("SECRET_PLAINTEXT", 5, "C"),
        ("SECRET_PLAINTEXT", 8, "F"),
    ]
    assert not any(word in str(problems) for word in ("swordfish", "hunter2"))


@pytest.mark.parametrize(
    ("source", "code"), [(b"a: [", "YAML_SYNTAX"), (b"- 1", "SCHEMA"), (b"\xff", "YAML_SYNTAX")]
)
def test_what_cannot_be_read(source: bytes, code: str) -> None:
    found = read_secret_file(source)
    assert [each.code for each in found.problems] == [code]
    assert not found.secrets


def test_an_empty_file_has_none() -> None:
    assert read_secret_file(b"# nothing yet\n") == read_secret_file(b"")
