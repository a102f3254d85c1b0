"""Reading and writing documents, and what is refused."""

import pytest

from app.secrets.documents import (
    close_document,
    new_document,
    open_document,
    read_document,
    read_plain,
)
from app.secrets.errors import (
    Malformed,
    NotEncrypted,
    Tampered,
    UnsupportedKeySource,
    WrongKey,
)
from app.secrets.keys import new_identity
from tests.secrets.sops import Sops

NOW = 1_800_000_000_000_000
IDENTITY, RECIPIENT = new_identity()


def made(text: str) -> bytes:
    document = new_document([RECIPIENT])
    return close_document(document.with_branches(read_plain(text.encode())), NOW)


def test_what_sops_wrote_is_read(sops: Sops) -> None:
    source = sops.encrypt("_scope: main/company\ndb:\n  password: abc\nport: 5432\nnote: ''\n")
    found = read_document(source, [sops.identity])
    assert found.values == {"db": {"password": "abc"}, "port": 5432}
    assert found.scope == "main/company"
    assert found.recipients == (sops.recipient,)


def test_nobody_reads_without_the_identity() -> None:
    with pytest.raises(WrongKey, match=RECIPIENT):
        read_document(made("a: b\n"), [new_identity()[0]])
    with pytest.raises(WrongKey):
        read_document(made("a: b\n"), [])


def test_a_changed_plain_value_is_refused() -> None:
    source = made("a: b\nc_unencrypted: d\n").replace(b"c_unencrypted: d", b"c_unencrypted: e")
    with pytest.raises(Tampered):
        read_document(source, [IDENTITY])


def test_what_nothing_covers_is_no_secret() -> None:
    source = made("a: b\n").replace(b"sops:\n", b'x: ""\ny: null\nz: {}\nsops:\n')
    assert read_document(source, [IDENTITY]).values == {"a": "b"}


def test_a_plain_file_is_refused() -> None:
    with pytest.raises(NotEncrypted):
        read_document(b"a: b\n", [IDENTITY])


@pytest.mark.parametrize("source", ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault"])
def test_other_key_sources_are_refused_by_name(source: str) -> None:
    block = f"sops:\n  {source}:\n  - enc: x\n  lastmodified: '2026-01-01T00:00:00Z'\n  mac: x\n"
    with pytest.raises(UnsupportedKeySource, match=source):
        read_document(f"a: b\n{block}".encode(), [IDENTITY])


def test_split_keys_are_refused() -> None:
    block = "sops:\n  key_groups:\n  - age: []\n  shamir_threshold: 2\n"
    with pytest.raises(UnsupportedKeySource, match="Shamir"):
        read_document(f"a: b\n{block}".encode(), [IDENTITY])


def test_unchanged_values_keep_their_cipher_text() -> None:
    source = made("# why\na: b\nc: [d, d, e]\n")
    document = open_document(source, [IDENTITY])
    changed = document.with_branches([document.branches[0].with_value("a", "new")])
    before, after = source.splitlines(), close_document(changed, NOW + 1_000_000).splitlines()
    different = [line for line in before if line not in after]
    assert [line.split(b":")[0].strip() for line in different] == [b"a", b"lastmodified", b"mac"]


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "a",
        "1: a\n",
        "? [a]\n: b\n",
        "a: &x [*x]\n",
        "a: !thing b\n",
        "a: 1\na: 2\n",
        "a: [",
    ],
)
def test_what_sops_could_not_read_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_plain(text.encode())
