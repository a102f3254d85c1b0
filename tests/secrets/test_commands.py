"""`headwater secret …` in a clone, without a service."""

import io
import json
import shlex
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from app.cli.outcome import CONFLICT, FAILED, NOT_FOUND, OK, USAGE
from app.cli.tree import run
from app.secrets.documents import read_document
from app.secrets.keys import new_identity
from tests.secrets.sops import Sops

VALUE = "s3cr3t-Value#1"
FILE = "tenants/main/namespaces/company.team/secrets.sops.yaml"
TEAM = ("-n", "company.team")


class Told(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Secret = Callable[..., Told]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "clone"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def secret(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Secret:
    def call(*arguments: str, given: str = "") -> Told:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = run(["secret", *arguments])
        return Told(code, *capsys.readouterr())

    return call


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch, clone: Path) -> str:
    made = new_identity()[0]
    monkeypatch.setenv("SOPS_AGE_KEY", made)
    return made


def editor(folder: Path, change: str) -> str:
    """An editor that changes the file by a line of Python; `text` is what it holds."""
    script = folder / "editor.py"
    script.write_text(
        "import os, stat, sys\n"
        "path = sys.argv[1]\n"
        "places = path, os.path.dirname(path)\n"
        "modes = [stat.S_IMODE(os.stat(each).st_mode) for each in places]\n"
        "assert modes == [0o600, 0o700], modes\n"
        "open(os.path.join(os.environ['HOME'], 'seen'), 'w').write(path)\n"
        "text = open(path).read()\n"
        f"text = {change}\n"
        "open(path, 'w').write(text)\n"
    )
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


def held(identity: str, file: str = FILE) -> dict[str, object]:
    return dict(read_document(Path(file).read_bytes(), [identity]).values)


def test_the_first_secret_makes_a_file_that_sops_reads(
    secret: Secret, sops: Sops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", sops.identity)
    done = secret("set", "TOKEN", *TEAM, given=f"{VALUE}\n")
    assert done.code == OK, done.err
    assert VALUE not in done.out + done.err + Path(FILE).read_text()
    assert sops.decrypt(Path(FILE).read_bytes()).decode() == (
        f"_scope: main/company.team\nTOKEN: {VALUE}\n"
    )
    found = read_document(Path(FILE).read_bytes(), [sops.identity])
    assert (found.scope, found.recipients) == ("main/company.team", (sops.recipient,))


def test_what_sops_wrote_is_changed(
    secret: Secret, sops: Sops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", sops.identity)
    Path(FILE).parent.mkdir(parents=True)
    Path(FILE).write_bytes(sops.encrypt("# of the token\nTOKEN: a\nOTHER: b\n"))
    assert secret("set", "TOKEN", *TEAM, given="new").code == OK
    assert sops.decrypt(Path(FILE).read_bytes()).decode() == (
        "_scope: main/company.team\n# of the token\nTOKEN: new\nOTHER: b\n"
    )


def test_values_come_from_a_file_or_as_json(secret: Secret, identity: str) -> None:
    Path("key.pem").write_text("-----BEGIN X-----\nabc\n-----END X-----\n")
    assert secret("set", "PEM", *TEAM, "--value-file", "key.pem").code == OK
    assert secret("set", "CONF", *TEAM, "--json", given='{"a": [1, true]}').code == OK
    assert held(identity) == {"PEM": Path("key.pem").read_text(), "CONF": {"a": [1, True]}}
    for wrong in ("{", "[" * 3_000, "1e999", "NaN"):
        assert secret("set", "CONF", *TEAM, "--json", given=wrong).code == USAGE
    Path("binary").write_bytes(b"\xff\xfe")
    refused = secret("set", "A", *TEAM, "--identity", "binary", given="x")
    assert (refused.code, "binary is no age identity" in refused.err) == (USAGE, True)
    assert secret("set", "X", *TEAM, "--value-file", "nowhere").code == NOT_FOUND
    assert secret("set", "X", *TEAM, given="").code == FAILED
    assert secret("set", "bad key", *TEAM, given="x").code == FAILED
    assert secret("set", "X", "-n", "../up", given="x").code == USAGE


def test_there_is_no_way_to_give_a_value_as_an_argument(secret: Secret, identity: str) -> None:
    assert secret("set", "TOKEN", VALUE, *TEAM).code == USAGE
    assert secret("get", "TOKEN", *TEAM).code == USAGE
    assert not Path(FILE).exists()


def test_a_file_of_the_tenant_and_of_previews(secret: Secret, identity: str) -> None:
    assert secret("set", "A", given="x").code == OK
    assert secret("set", "A", *TEAM, "--preview", given="y").code == OK
    tenant, preview = "tenants/main/secrets.sops.yaml", FILE.replace("secrets.", "secrets.preview.")
    assert read_document(Path(tenant).read_bytes(), [identity]).scope == "main"
    assert held(identity, preview) == {"A": "y"}
    assert secret("set", "A", "--preview", given="y").code == USAGE


def test_names_are_listed_without_a_key(
    secret: Secret, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret("set", "B", *TEAM, given=VALUE)
    secret("set", "A", *TEAM, given=VALUE)
    monkeypatch.delenv("SOPS_AGE_KEY")
    assert secret("list", *TEAM, "-o", "name").out.split() == ["B", "A"]
    told = json.loads(secret("list", *TEAM, "-o", "json").out)
    assert told[0] == {"key": "B", "encrypted": True}
    assert secret("list", "-n", "nowhere").code == NOT_FOUND
    assert secret("set", "A", *TEAM, given="x").code == FAILED


def test_deleting(secret: Secret, identity: str) -> None:
    secret("set", "A", *TEAM, given="x")
    secret("set", "B", *TEAM, given="y")
    assert secret("delete", "A", *TEAM).code == OK
    assert held(identity) == {"B": "y"}
    assert secret("delete", "A", *TEAM).code == NOT_FOUND


def test_an_editor_sees_plain_text_that_nobody_else_does(
    secret: Secret, identity: str, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    secret("set", "B", *TEAM, given="stays")
    before = Path(FILE).read_text().splitlines()
    change = f"text.replace({VALUE!r}, 'edited') + '# why\\nC: 1\\n'"
    monkeypatch.setenv("EDITOR", editor(clone, change))
    assert secret("edit", *TEAM).code == OK
    assert held(identity) == {"A": "edited", "B": "stays", "C": 1}
    kept = [line for line in before if line.startswith(("_scope", "B"))]
    assert set(kept) <= set(Path(FILE).read_text().splitlines())
    assert not Path((clone.parent / "seen").read_text()).parent.exists()


def test_an_editor_that_changes_nothing_or_fails(
    secret: Secret, identity: str, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    before = Path(FILE).read_bytes()
    monkeypatch.setenv("EDITOR", editor(clone, "text"))
    assert "nothing was changed" in secret("edit", *TEAM).err
    for change in ("'a: ['", "text.replace('main/', 'other/')", "text + 'sops: x\\n'"):
        monkeypatch.setenv("EDITOR", editor(clone, change))
        assert secret("edit", *TEAM).code == FAILED
    monkeypatch.setenv("EDITOR", "false")
    assert secret("edit", *TEAM).code == FAILED
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    assert secret("edit", *TEAM).code == FAILED
    assert Path(FILE).read_bytes() == before


def test_rotating_changes_every_cipher_text(secret: Secret, identity: str) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    before = Path(FILE).read_text()
    assert secret("rotate", *TEAM).code == OK
    after = Path(FILE).read_text()
    assert {line for line in before.splitlines() if "ENC[" in line or "+" in line}.isdisjoint(
        after.splitlines()
    )
    assert held(identity) == {"A": VALUE}


def test_recipients_come_and_go(secret: Secret, identity: str) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    other, public = new_identity()
    assert secret("recipients", "add", public, *TEAM).code == OK
    assert held(other) == {"A": VALUE}
    assert secret("recipients", "list", *TEAM, "-o", "name").out.split()[-1] == public
    assert secret("recipients", "remove", public, *TEAM).code == OK
    assert secret("recipients", "remove", public, *TEAM).code == NOT_FOUND
    with pytest.raises(Exception, match="identities"):
        held(other)
    own = secret("recipients", "list", *TEAM, "-o", "name").out.strip()
    assert secret("recipients", "remove", own, *TEAM).code == USAGE
    assert secret("recipients", "add", "age1yubikey1qqqqqq", *TEAM).code == FAILED


def test_rules_of_the_repository_say_for_whom(secret: Secret, identity: str) -> None:
    other, public = new_identity()
    Path(".sops.yaml").write_text(f"creation_rules:\n- path_regex: secrets\n  age: {public}\n")
    assert secret("set", "A", *TEAM, given=VALUE).code == OK
    assert held(other) == {"A": VALUE}
    assert secret("set", "B", *TEAM, given="x").code == FAILED  # it is not ours to open
    own = new_identity()
    Path(".sops.yaml").write_text(f"creation_rules:\n- age: [{public}, {own[1]}]\n")
    Path("key").write_text(other)
    assert secret("rotate", *TEAM, "--update", "--identity", "key").code == OK
    assert held(own[0]) == {"A": VALUE}


def test_nobody_to_encrypt_to_is_told(secret: Secret) -> None:
    done = secret("set", "A", *TEAM, given=VALUE)
    assert done.code == USAGE
    assert "headwater secret identity" in done.err


def test_an_identity_is_made_for_its_owner_only(secret: Secret) -> None:
    done = secret("identity", "key.txt")
    assert done.code == OK
    assert stat.S_IMODE(Path("key.txt").stat().st_mode) == 0o600
    assert done.out.startswith("age1")
    assert secret("identity", "key.txt").code == CONFLICT
    assert secret("set", "A", *TEAM, "--identity", "key.txt", given=VALUE).code == OK
    assert held(Path("key.txt").read_text()) == {"A": VALUE}


def test_checking_finds_what_is_wrong(
    secret: Secret, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    assert secret("check").code == OK
    copy = Path("tenants/other/namespaces/company.team/secrets.sops.yaml")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(Path(FILE).read_bytes())
    plain = Path("tenants/main/namespaces/plain/secrets.sops.yaml")
    plain.parent.mkdir(parents=True)
    plain.write_text("A: readable\n")
    changed = Path("tenants/main/namespaces/changed/secrets.sops.yaml")
    changed.parent.mkdir(parents=True)
    changed.write_bytes(Path(FILE).read_bytes().replace(b"unencrypted_suffix", b"encrypted_suffix"))
    link = Path("tenants/main/namespaces/link/secrets.sops.yaml")
    link.parent.mkdir(parents=True)
    link.symlink_to(Path(FILE).absolute())
    done = secret("check", "--format", "json")
    assert done.code == FAILED
    told = {(Path(each["path"]).parent.name, each["code"]) for each in json.loads(done.out)}
    assert told == {
        ("company.team", "SECRET_SCOPE"),
        ("company.team", "SECRET_REUSED"),
        ("plain", "SECRET_PLAINTEXT"),
        ("changed", "SECRET_TAMPERED"),
        ("link", "SECRET_LINK"),
    }
    assert VALUE not in done.out
    monkeypatch.delenv("SOPS_AGE_KEY")
    assert "not decrypted" in secret("check").err


def test_a_link_is_not_written_through(secret: Secret, identity: str, clone: Path) -> None:
    outside = clone.parent / "outside"
    outside.write_text("x")
    Path(FILE).parent.mkdir(parents=True)
    Path(FILE).symlink_to(outside)
    assert secret("set", "A", *TEAM, given=VALUE).code == CONFLICT
    assert outside.read_text() == "x"


def test_outside_of_a_repository(secret: Secret, identity: str, clone: Path) -> None:
    (clone / ".git").rmdir()
    assert secret("set", "A", *TEAM, given="x").code == NOT_FOUND
    assert secret("set", "A", "--file", "some.yaml", given="x").code == OK
    assert read_document(Path("some.yaml").read_bytes(), [identity]).scope is None


def test_layouts_and_tenants_as_the_source_has_them(secret: Secret, identity: str) -> None:
    mapped = ("-t", "acme-dev", "--map-tenant", "acme=acme-dev")
    assert secret("set", "A", *TEAM, *mapped, given="x").code == OK
    native = Path("tenants/acme/namespaces/company.team/secrets.sops.yaml")
    assert read_document(native.read_bytes(), [identity]).scope == "acme-dev/company.team"
    assert secret("check", "--map-tenant", "acme=acme-dev").code == OK
    assert secret("check").code == FAILED
    assert secret("set", "A", *TEAM, "-t", "acme", *mapped[2:], given="x").code == USAGE
    native.unlink()
    assert secret("set", "A", *TEAM, "--layout", "kestra", given="x").code == OK
    kestra = Path("company.team/secrets.sops.yaml")
    assert read_document(kestra.read_bytes(), [identity]).scope == "main/company.team"
    assert "1 files, 0 errors" in secret("check", "--layout", "kestra").err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_behind_when_the_terminal_is_closed(
    secret: Secret, identity: str, clone: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    secret("set", "A", *TEAM, given=VALUE)
    before = Path(FILE).read_bytes()
    killing = f"os.kill(os.getppid(), {int(number)}) or text"
    monkeypatch.setenv("EDITOR", editor(clone, killing))
    with pytest.raises(SystemExit):
        secret("edit", *TEAM)
    assert not Path((clone.parent / "seen").read_text()).parent.exists()
    assert Path(FILE).read_bytes() == before
