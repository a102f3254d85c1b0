"""The real sops and ours agree: shapes of documents × sets of rules × both directions.

A file that sops wrote is opened by ours to the same values; a file that ours wrote is opened by
sops, which checks its authentication code; a file of sops's that ours wrote again stays readable.
"""

import json
import math
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.secrets.documents import (
    close_document,
    new_document,
    open_document,
    read_document,
    read_plain,
)
from app.secrets.errors import Malformed, WrongKey
from app.secrets.keys import new_identity
from app.secrets.rules import read_rules
from app.secrets.tree import Branch, plain
from tests.secrets.sops import Sops, SopsRefused

NOW = 1_800_000_000_000_000

SHAPES: Mapping[str, str] = {
    path.stem: path.read_text() for path in sorted((Path(__file__).parent / "shapes").iterdir())
}

RULES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "encrypted suffix": {"encrypted_suffix": "_enc"},
    "unencrypted regex": {"unencrypted_regex": "^(a|db|list|hosts_enc)$"},
    "encrypted regex": {"encrypted_regex": "(pass|key|token|_enc|^c)"},
    "only encrypted": {"unencrypted_suffix": "_enc", "mac_only_encrypted": True},
    "encrypted comments": {"encrypted_comment_regex": "secret"},
    "unencrypted comments": {"unencrypted_comment_regex": "public"},
}
UNREADABLE = {("comments-in-lists", "encrypted comments")}
"""What the real sops writes and cannot read again: its comments in lists become items."""


CASES = [(shape, rules) for shape in SHAPES for rules in RULES if (shape, rules) not in UNREADABLE]


def plains(branches: Iterable[Branch]) -> list[Any]:
    return [plain(branch) for branch in branches]


def agree(first: Any, second: Any) -> bool:
    """Whether two values are the same but for the types of numbers."""
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(agree(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(agree, first, second))
    if bool in {type(first), type(second)}:
        return first is second
    if isinstance(first, float) or isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-15)
    return type(first) is type(second) and bool(first == second)


@pytest.mark.parametrize(("shape", "rules"), CASES)
def test_what_sops_writes_ours_reads_and_writes_again(sops: Sops, shape: str, rules: str) -> None:
    source = sops.encrypt(SHAPES[shape], RULES[rules])
    opened = open_document(source, [sops.identity])
    assert agree(plains(opened.branches), plains(read_plain(SHAPES[shape].encode())))
    told = sops.decrypt(source)
    assert agree(plains(read_plain(told)), plains(opened.branches))
    assert sops.decrypt(close_document(opened, NOW)) == told


@pytest.mark.parametrize(("shape", "rules"), CASES)
def test_what_ours_writes_sops_reads(sops: Sops, shape: str, rules: str) -> None:
    branches = read_plain(SHAPES[shape].encode())
    document = new_document([sops.recipient], rules=read_rules(RULES[rules]))
    source = close_document(document.with_branches(branches), NOW)
    assert open_document(source, [sops.identity]).branches == branches
    assert agree(plains(read_plain(sops.decrypt(source))), plains(branches))


JSON_SHAPES: Mapping[str, str] = {
    "flat": '{"user": "admin", "n": 1, "f": 1.5, "t": true, "z": null, "e": ""}',
    "nested": '{"a": {"b": [1, "x", {"c": "d"}], "e": {}}, "l": [], "m": [[1], [2]]}',
    "numbers": '{"a": 1.0, "b": -7, "c": 1e3, "d": 9007199254740992, "e": 1e23, "f": 0}',
    "texts": '{"a": "\\u00e9\\ud83d\\ude00", "b": "l1\\nl2", "c": "<&>", "é": "x/y", "x_enc": "y"}',
}


@pytest.mark.parametrize("rules", list(RULES)[:5])
@pytest.mark.parametrize("shape", JSON_SHAPES)
def test_json_both_ways(sops: Sops, shape: str, rules: str) -> None:
    text, options = JSON_SHAPES[shape], RULES[rules]
    source = sops.encrypt(text, options, layout="json")
    opened = open_document(source, [sops.identity])
    assert opened.layout == "json"
    assert agree(plain(opened.branches[0]), json.loads(text))

    document = new_document([sops.recipient], rules=read_rules(options), layout="json")
    ours = close_document(document.with_branches(read_plain(text.encode())), NOW)
    assert agree(json.loads(sops.decrypt(ours, layout="json")), json.loads(text))
    again = close_document(opened, NOW)
    assert agree(json.loads(sops.decrypt(again, layout="json")), json.loads(text))


def test_what_sops_could_not_read_again_is_not_written(sops: Sops) -> None:
    ((shape, rules),) = UNREADABLE
    with pytest.raises(SopsRefused, match="MAC mismatch"):
        sops.decrypt(sops.encrypt(SHAPES[shape], RULES[rules]))
    document = new_document([sops.recipient], rules=read_rules(RULES[rules]))
    with pytest.raises(Malformed, match="comments"):
        close_document(document.with_branches(read_plain(SHAPES[shape].encode())), NOW)


def test_the_sign_of_nothing_is_kept(sops: Sops) -> None:
    document = new_document([sops.recipient]).with_branches(read_plain(b"a: -0.0\nb: 1\n"))
    source = close_document(document, NOW)
    assert sops.decrypt(source) == b"a: -0\nb: 1\n"


def test_several_recipients_of_whom_one_is_ours(sops: Sops) -> None:
    other = new_identity()
    source = sops.encrypt("a: b\n", {"age": f"{other[1]},{sops.recipient}"})
    for identity in (other[0], sops.identity, f"# a key file\n{other[0]}\n"):
        assert read_document(source, [identity]).values == {"a": "b"}


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_ssh_keys_are_recipients_too(sops: Sops, kind: str) -> None:
    path = sops.folder / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    recipient = path.with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    source = sops.encrypt("a: b\n", {"age": recipient})
    assert read_document(source, [path.read_text()]).values == {"a": "b"}
    ours = new_document([recipient, sops.recipient]).with_branches(read_plain(b"a: c\n"))
    assert sops.decrypt(close_document(ours, NOW)) == b"a: c\n"


def test_recipients_and_the_data_key_rotate(sops: Sops) -> None:
    other = new_identity()
    opened = open_document(sops.encrypt("# why\na: b\n"), [sops.identity])
    shared = close_document(opened.with_recipients([other[1], sops.recipient]), NOW)
    assert read_document(shared, [other[0]]).recipients == (other[1], sops.recipient)
    assert sops.decrypt(shared) == b"# why\na: b\n"
    rotated = open_document(shared, [other[0]]).with_key([sops.recipient])
    assert rotated.key != opened.key
    assert sops.decrypt(close_document(rotated, NOW)) == b"# why\na: b\n"
    with pytest.raises(WrongKey):
        read_document(close_document(rotated, NOW), [other[0]])
