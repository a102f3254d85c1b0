"""Every single-byte change of a file is refused, or changes nothing that is secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.secrets.documents import close_document, new_document, read_document, read_plain
from app.secrets.errors import SecretError
from app.secrets.keys import new_identity
from app.secrets.rules import read_rules

NOW = 1_800_000_000_000_000
IDENTITY, RECIPIENT = new_identity()
TEXT = b"""\
_scope: main/company
# where it comes from
user: admin
db: {password: s3cret, port: 5432, hosts: [a, b, {c: d}]}
host_unencrypted: db.local
empty: ""
nothing: null
matrix: [[p, q], [r]]
when: 2020-01-02
pem: |
  first
  second
"""


def sealed(layout: str, **rules: Any) -> bytes:
    document = new_document(
        [RECIPIENT, new_identity()[1]],
        rules=read_rules(rules),
        layout="json" if layout == "json" else "yaml",
    )
    return close_document(document.with_branches(read_plain(TEXT)), NOW)


FILES = {
    "yaml": sealed("yaml"),
    "json": sealed("json"),
    "only encrypted": sealed("yaml", mac_only_encrypted=True),
    "encrypted regex": sealed("yaml", encrypted_regex="^(_scope|db|pem)$"),
    "comment regex": sealed("yaml", encrypted_comment_regex="where"),
}
"""Made once: what is tested is the reading."""


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values with the keys above them, in order; SOPS binds no positions in lists."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


def secrets_of(source: bytes) -> Any:
    found = read_document(source, [IDENTITY])
    return found.scope, list(leaves(found.values))


EXPECTED = {name: secrets_of(source) for name, source in FILES.items()}


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_a_changed_byte_is_refused_or_no_secret_changes(name: str, data: st.DataObject) -> None:
    source = FILES[name]
    at = data.draw(st.integers(0, len(source) - 1))
    byte = data.draw(st.integers(0, 255) | st.sampled_from(list(b' #:-"{}[],\n')))
    changed = source[:at] + bytes([byte]) + source[at + 1 :]
    try:
        found = secrets_of(changed)
    except SecretError:
        return
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_a_byte_more_or_less_is_refused_or_no_secret_changes(
    name: str, data: st.DataObject
) -> None:
    source = FILES[name]
    at = data.draw(st.integers(0, len(source) - 1))
    if data.draw(st.booleans()):
        changed = source[:at] + source[at + 1 :]
    else:
        changed = source[:at] + bytes([data.draw(st.integers(0, 255))]) + source[at:]
    try:
        found = secrets_of(changed)
    except SecretError:
        return
    assert found == EXPECTED[name]


@given(source=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    with pytest.raises(SecretError):
        read_document(source, [IDENTITY])


@pytest.mark.parametrize(
    "source",
    [
        b"[" * 50_000,
        b"{" * 50_000,
        b'{"a":' * 50_000,
        b"a: &a [*a]\nsops: {}\n",
        b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\n" + b"c: [*b,*b,*b,*b]\n" * 300,
        b"- " * 2_000,
        b"x" * 2_000_000,
        b'{"a": ' + b"9" * 100_000 + b"}",
        b"a: " + b"9" * 100_000,
        b"%YAML 9.9\n---\na: b\n",
        b"\xff\xfea\x00",
        b"a: b\x00",
        b'{"\\ud800": "x", "sops": {}}',
        b'{"a": "\\udc00", "sops": {}}',
        b'{"a": "x", "sops": {"mac": "\\ud800", "age": [{"enc": "\\ud800"}]}}',
        b'{"a": "ENC[AES256_GCM,data:\xe2\x80\xa8,iv:a,tag:a,type:str]", "sops": {}}',
    ],
)
def test_hostile_files_are_refused_at_once(source: bytes) -> None:
    with pytest.raises(SecretError):
        read_document(source, [IDENTITY])


@pytest.mark.parametrize(
    "text",
    [
        "#\n" * 4_900 + "a: b\n",
        "# x\n" * 2_000 + "a: [" + "b," * 15_000 + "]\n",
        "a: [" + "{b: c}," * 6_000 + "]\n",
        "".join(f"k{number}: v\n" for number in range(9_000)),
    ],
)
@pytest.mark.timeout(20)
def test_long_files_take_time_by_their_length(text: str) -> None:
    """Whoever knows the recipient can make a file with whatever rule, and as long as is allowed."""
    rules = read_rules({"encrypted_comment_regex": "never"})
    document = new_document([RECIPIENT], rules=rules).with_branches(read_plain(text.encode()))
    source = close_document(document, NOW)
    assert read_document(source, [IDENTITY]).values == {}


@pytest.mark.parametrize("line", [b"a: b\n", b"- a\n", b"[[]],\n"])
def test_values_without_end_are_not_built(line: bytes) -> None:
    with pytest.raises(SecretError):
        read_plain(b"x: [\n" * (line[:1] == b"[") + line * 150_000)


def test_comments_without_end_are_not_built() -> None:
    with pytest.raises(SecretError, match="comments"):
        read_plain(b"#\n" * 400_000 + b"a: b\n")
