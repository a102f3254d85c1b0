"""Whom `.sops.yaml` encrypts new files to."""

import pytest

from app.secrets.creation import creation_rule
from app.secrets.errors import Malformed, UnsupportedKeySource
from app.secrets.keys import BadRecipient, new_identity
from tests.secrets.sops import Sops

FIRST, SECOND = new_identity()[1], new_identity()[1]


def rules(*listed: str) -> bytes:
    return ("creation_rules:\n" + "".join(f"- {{{each}}}\n" for each in listed)).encode()


def test_the_first_rule_that_fits_the_path_counts() -> None:
    source = rules(f"path_regex: 'prod/.*', age: {FIRST}", f"age: {SECOND}, encrypted_regex: '^x'")
    found = creation_rule(source, "tenants/prod/x.sops.yaml")
    assert found is not None
    assert found.recipients == (FIRST,)
    other = creation_rule(source, "tenants/dev/x.sops.yaml")
    assert other is not None
    assert (other.recipients, other.rules.kind) == ((SECOND,), "encrypted_regex")


def test_no_rule_is_no_rule() -> None:
    assert creation_rule(rules(f"path_regex: nowhere, age: {FIRST}"), "x") is None
    assert creation_rule(b"creation_rules: []\n", "x") is None
    assert creation_rule(b"", "x") is None


@pytest.mark.parametrize(
    "age",
    [
        f"age: '{FIRST},  {SECOND},'",
        f"age: [{FIRST}, {SECOND}]",
        f"key_groups: [{{age: [{FIRST}, {SECOND}]}}]",
    ],
)  # fmt: skip
def test_recipients_stand_in_a_text_or_a_list(age: str) -> None:
    found = creation_rule(rules(age), "x")
    assert found is not None
    assert found.recipients == (FIRST, SECOND)


@pytest.mark.parametrize(
    "rule",
    [
        "pgp: FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4",
        "kms: 'arn:aws:kms:eu-central-1:1:key/x'",
        "hc_vault_transit_uri: 'https://vault.example/v1/transit/keys/x'",
        "age: age1yubikey1q2w3e4r5t6z7u8i9o0p",
        f"key_groups: [{{age: [{FIRST}]}}, {{age: [{SECOND}]}}]",
    ],
)
def test_other_key_sources_are_refused_by_name(rule: str) -> None:
    with pytest.raises(UnsupportedKeySource):
        creation_rule(rules(rule), "x")


@pytest.mark.parametrize(
    "source",
    [b"creation_rules: 1\n", rules("path_regex: '('"), rules("age: {a: b}"),
     rules(f"age: {FIRST}, encrypted_regex: x, encrypted_suffix: y"), b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_rule_is_malformed(source: bytes) -> None:
    with pytest.raises(Malformed):
        creation_rule(source, "x")


def test_what_is_no_recipient_is_told() -> None:
    with pytest.raises(BadRecipient, match="age1wrong"):
        creation_rule(rules("age: age1wrong"), "x")


def test_the_real_sops_takes_the_same_rule(sops: Sops) -> None:
    source = f"creation_rules:\n- path_regex: plain\n  age: '{sops.recipient}, {FIRST}'\n".encode()
    found = creation_rule(source, "plain.yaml")
    assert found is not None
    (sops.folder / ".sops.yaml").write_bytes(source)
    (sops.folder / "plain.yaml").write_text("a: b\n")
    written = sops.run("encrypt", "plain.yaml").decode()
    assert all(f"recipient: {each}" in written for each in found.recipients)
