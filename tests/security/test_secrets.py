"""Secrets in what flows tell: whole, encoded, in pieces; nothing of the service's own leaks."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import load_settings
from app.config.sections import ExpressionSettings
from app.engine.host import environment_for
from app.engine.secrecy import Secrets, forms, masked
from app.storage.key_file import cipher_of
from tests.engine.harness import Engine, flow

SECRET = 'p@ss w\u00f6rd/"+?>~quoted\\'
PEM = "-----BEGIN KEY-----\ncAnArY7q3XwLk0Zt\nnEvEr8pRiNt2eD5s\n-----END KEY-----"
DATA = SECRET.encode()

WRITTEN = {
    "as it is": SECRET,
    "Base64": base64.b64encode(DATA).decode(),
    "Base64 for addresses": base64.urlsafe_b64encode(DATA).decode(),
    "hexadecimal": DATA.hex(),
    "hexadecimal in capitals": DATA.hex().upper(),
    "in an address": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in JSON": json.dumps(SECRET)[1:-1],
    "in JSON of UTF-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_masked_however_it_is_written(form: str) -> None:
    secrets = Secrets()
    secrets.add(SECRET)
    shown = masked(f"before {WRITTEN[form]} after", secrets)
    assert shown == "before ******** after"


@given(st.binary(max_size=5), st.text(st.characters(codec="utf-8"), min_size=9, max_size=20))
def test_nothing_of_it_is_left_within_longer_base64(before: bytes, secret: str) -> None:
    whole = base64.b64encode(before + secret.encode() + b"tail").decode()
    secrets = Secrets()
    secrets.add(secret)
    shown = masked(whole, secrets)
    assert shown != whole
    assert len(shown.replace("********", "")) <= len(base64.b64encode(before + b"tail")) + 8


def test_lines_and_entries_are_secrets_too() -> None:
    secrets = Secrets()
    secrets.update([PEM, json.dumps({"user": {"token": "tok-12345678"}, "n": 1, "s": "short"})])
    first, *lines, last = PEM.splitlines()
    for each in lines:
        assert masked(each, secrets) == "********"
    assert masked(first + last, secrets) == first + last  # that there is a key is no secret
    assert masked("token=tok-12345678 short", secrets) == "token=******** short"


def test_lines_of_entries_are_secrets_too() -> None:
    """A service account's key file holds a PEM, which programs print line by line."""
    secrets = Secrets()
    secrets.add(json.dumps({"private_key": PEM}))
    for each in PEM.splitlines()[1:-1]:
        assert masked(each, secrets) == "********"


@pytest.mark.parametrize("secret", ["4711", "s3cret", "longer-than-that"])
def test_the_end_of_its_line_is_no_part_of_a_secret(secret: str) -> None:
    secrets = Secrets()
    secrets.add(f"{secret}\n")  # as a block in YAML has it
    assert masked(f"password: {secret}", secrets) == "password: ********"
    encoded = base64.b64encode(secret.encode()).decode()
    assert len(secret) < 6 or masked(encoded, secrets) == "********"


def test_what_is_short_or_huge_is_masked_as_it_is_only() -> None:
    assert forms("abc") == forms("x" * 70_000) == set()
    assert forms("[" * 60_000)  # no JSON


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SECRET_TOKEN", base64.b64encode(b"canary-4f1c2d").decode())
    return "canary-4f1c2d"


async def test_logs_labels_and_errors_show_no_form_of_it(secret: str) -> None:
    loaded = flow("""
        id: f
        tasks:
          - {id: a, type: core.log.Log, message: "{{ secret('TOKEN') }}"}
          - {id: b, type: core.log.Log, message: "{{ secret('TOKEN') | base64encode }}"}
          - {id: c, type: core.log.Log, message: "{{ [secret('TOKEN')] | toJson }}"}
          - {id: r, type: core.debug.Return, format: "{{ secret('TOKEN') }}"}
          - {id: d, type: core.execution.Labels, labels: {seen: "{{ outputs.r.value }}"}}
          - {id: e, type: core.execution.Fail, errorMessage: "it is {{ secret('TOKEN') }}"}
    """)
    engine = Engine(loaded)
    engine.executor._driver._environment = environment_for(ExpressionSettings(), engine.parts)
    async with engine:
        execution = await engine.run()
    told = [each.message for each in engine.journal.logs]
    told += [run.error or "" for run in execution.task_runs.values()]
    told += [label.value for label in execution.labels]
    encoded = base64.b64encode(secret.encode()).decode()
    assert len(told) >= 6
    assert not [each for each in told if secret in each or encoded in each]
    assert any("********" in each for each in told)


def test_a_key_beside_the_data_is_told_nowhere(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    cipher = cipher_of(settings)
    key = (tmp_path / "encryption.key").read_text().strip()
    assert key not in repr(settings)
    assert key not in repr(vars(cipher))
