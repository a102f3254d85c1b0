"""`headwater doctor` names what is unsafe or broken, and ends with the exit code that says so."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.cli import doctor_data, doctor_machine, doctor_settings, tree
from app.cli.doctor_findings import Finding
from app.cli.doctor_service import look
from app.config import Settings
from tests.serving import headwater, service


def settings(**sections: Any) -> Settings:
    return Settings(**sections)


def told(found: Iterator[Finding]) -> set[tuple[str, str]]:
    return {(each.level, each.check) for each in found}


def safety(**sections: Any) -> set[tuple[str, str]]:
    made = settings(**sections)
    return {each for check in doctor_settings.CHECKS for each in told(check(made))}


OPEN = {"host": "0.0.0.0"}
REPO = "https://git.test/x.git"


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"server": OPEN, "access": {"login": "none"}}, ("unsafe", "access.login")),
        ({"access": {"login": "none"}}, ("note", "access.login")),
        ({"server": {"mode": "dev"}}, ("note", "access.login")),
        ({"server": OPEN}, ("ok", "access.login")),
        ({"server": OPEN}, ("warning", "server.url")),
        ({"server": {**OPEN, "url": "http://h.test"}}, ("warning", "server.url")),
        ({"server": {**OPEN, "url": "https://h.test"}}, ("warning", "server.trusted_proxies")),
        ({"server": {"trusted_proxies": ["0.0.0.0/0"]}}, ("unsafe", "server.trusted_proxies")),
        ({"server": OPEN, "access": {"open_metrics": True}}, ("note", "access.open_metrics")),
        ({"server": OPEN, "access": {"plain_cookies": True}}, ("unsafe", "access.plain_cookies")),
        ({}, ("warning", "runners.user")),
        ({"runners": {"process": False}}, ("ok", "runners.process")),
        ({"runners": {"process_for_tenants": True}}, ("warning", "runners.process_for_tenants")),
        ({"runners": {"docker_as_process": True}}, ("note", "runners.docker_as_process")),
        ({"http": {"allow_loopback": True}}, ("warning", "egress.policy")),
        ({"egress": {"policy": "open"}}, ("warning", "egress.policy")),
        ({"egress": {"policy": "allow-list"}}, ("warning", "egress.allow")),
        ({"egress": {"policy": "allow-list", "allow": ["a.test"]}}, ("ok", "egress.policy")),
        ({"database": {"url": "postgresql://u@db.test/x"}}, ("warning", "database.url")),
        ({"database": {"url": "postgresql://u:p@db.test/x"}}, ("note", "database.url")),
        ({"git": {"hook_key": "k", "hook_secret": "short"}}, ("unsafe", "git.hook_secret")),
        ({"git": {"repo": REPO}}, ("warning", "git.on_force_push")),
        ({"git": {"repo": REPO}}, ("warning", "git.signatures")),
        ({"sources": {"t": {"repo": "u@git.test:x"}}}, ("broken", "sources.t.known_hosts_file")),
        ({"git": {"repo": REPO, "allow_file_protocol": True}}, ("note", "git.allow_file_protocol")),
        ({}, ("note", "secrets.identities")),
    ],
)  # fmt: skip
def test_settings(sections: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in safety(**sections)


def test_safe_settings_have_no_finding() -> None:
    found = safety(
        server={**OPEN, "url": "https://h.test", "trusted_proxies": ["10.0.0.1"]},
        runners={"process": False},
        egress={"policy": "allow-list", "allow": ["api.test"]},
        database={"url": "postgresql://u:p@db.test/x?sslmode=verify-full"},
        git={"repo": REPO, "production": True, "forge": "github"},
        secrets={"age_key": "AGE-SECRET-KEY-1OF-THE-DOCTORS-TEST"},
    )
    assert {level for level, _ in found} == {"ok"}


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o640, "warning"), (0o604, "unsafe")])
def test_files_of_keys(tmp_path: Path, mode: int, level: str) -> None:
    file = tmp_path / "key"
    file.touch()
    file.chmod(mode)
    made = settings(
        data_dir=tmp_path,
        git={"ssh_key_file": file, "known_hosts_file": file},
        secrets={"identities": {"acme": file}},
    )
    found = told(doctor_machine.keys(made))
    assert {(level, "git.ssh_key_file"), (level, "secrets.identities.acme")} <= found
    assert not {each for each in found if each[1] == "git.known_hosts_file"} - {
        ("ok", "git.known_hosts_file")
    }


def test_files_that_variables_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("x")
    file.chmod(0o644)
    monkeypatch.setenv("HEADWATER_GIT__TOKEN_FILE", str(file))
    (tmp_path / "encryption.key").touch(0o666)
    (tmp_path / "encryption.key").chmod(0o666)
    found = told(doctor_machine.keys(settings(data_dir=tmp_path)))
    assert {("unsafe", "HEADWATER_GIT__TOKEN_FILE"), ("unsafe", "encryption.key")} <= found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    made = settings(data_dir=tmp_path, git={"signing_key_file": tmp_path / "gone"})
    assert ("broken", "git.signing_key_file") in told(doctor_machine.keys(made))


def test_the_data_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert ("warning", "data_dir") in told(doctor_machine.folder(settings(data_dir=tmp_path)))
    tmp_path.chmod(0o700)
    assert told(doctor_machine.folder(settings(data_dir=tmp_path / "new"))) == {("ok", "disk")}


def test_programs_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("ok", "git") in told(doctor_machine.git(settings()))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {("broken", "git"), ("note", "ssh")} == told(doctor_machine.git(settings()))
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 2.30.1\n")
    (tmp_path / "git").chmod(0o755)
    assert ("broken", "git") in told(doctor_machine.git(settings()))


def test_scripts_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert told(doctor_machine.user(settings())) == {("unsafe", "user")}
    assert told(doctor_machine.user(settings(runners={"process": False}))) == set()


def test_a_running_service(tmp_path: Path) -> None:
    with service(tmp_path / "data") as (address, _):
        found = told(look(address))
        variables: Any = {"HEADWATER_DATA_DIR": str(tmp_path)}
        done = headwater("doctor", "--all", "-o", "json", server=address, **variables)
    assert ("ok", "service") in found
    assert ("note", "service.login") in found
    assert {each["check"] for each in json.loads(done.stdout)} >= {
        "service",
        "git",
        "egress.policy",
    }
    assert not {level for level, _ in found} & {"unsafe", "broken", "warning"}


def test_a_service_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = told(look(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert found == {("broken", "service")}


class Ended(NamedTuple):
    code: int
    shown: str


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """A function that runs the command here, with these variables and no others of ours."""
    tmp_path.chmod(0o700)

    def run(*arguments: str, **variables: str) -> Ended:
        with monkeypatch.context() as patch:
            for name in [each for each in os.environ if each.startswith("HEADWATER_")]:
                patch.delenv(name)
            patch.setenv("HEADWATER_DATA_DIR", str(tmp_path))
            for name, value in variables.items():
                patch.setenv(name, value)
            code = tree.run(["doctor", *arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out + captured.err)

    return run


def test_exit_codes(doctor: Callable[..., Ended]) -> None:
    safe = {"HEADWATER_RUNNERS__PROCESS": "false"}
    assert doctor(**safe).code == 0
    assert doctor(**safe, HEADWATER_ACCESS__LOGIN="never").code == 1
    unsafe = {"HEADWATER_ACCESS__LOGIN": "none", "HEADWATER_SERVER__HOST": "0.0.0.0"}
    done = doctor(**safe, **unsafe)
    assert done.code == 1
    assert "access.login" in done.shown
    warned = {**safe, "HEADWATER_EGRESS__POLICY": "open"}
    assert doctor(**warned).code == 0
    assert doctor("--strict", **warned).code == 1


@pytest.mark.parametrize("output", ["json", "table", "yaml", "name"])
def test_no_secret_is_told(doctor: Callable[..., Ended], output: str) -> None:
    secret = "hw-canary-1234567890"
    variables = {
        "DATABASE_URL": f"postgresql://u:{secret}@127.0.0.1:1/x",
        "HEADWATER_GIT__HOOK_SECRET": secret,
        "HEADWATER_GIT__TOKEN": secret,
        "SOPS_AGE_KEY": secret,
    }
    done = doctor("--all", "-o", output, **variables)
    assert "database" in done.shown
    assert secret not in done.shown


def two_tenants(data: Path) -> Path:
    """A service that has run once, with two tenants."""
    flows = data / "flows"
    for tenant in ("acme", "other"):
        folder = flows / f"tenants/{tenant}/namespaces/shop/flows"
        folder.mkdir(parents=True)
        source = "id: f\nnamespace: shop\ntasks: [{id: a, type: core.log.Log, message: m}]\n"
        (folder / "f.yaml").write_text(source)
    with service(data / "data", ["--repo", str(flows)]) as (address, _):
        ready = headwater("flow", "list", "--tenant", "other", "-o", "name", server=address)
        assert "f" in ready.stdout, ready.stderr
    return data / "data"


def test_what_the_data_tells(tmp_path: Path) -> None:
    data = two_tenants(tmp_path)
    assert ("note", "runners.process") in told(doctor_data.look(settings(data_dir=data)))
    runners = {"process_for_tenants": True}
    found = told(doctor_data.look(settings(data_dir=data, runners=runners)))
    assert found == {("ok", "database"), ("unsafe", "runners.process_for_tenants")}
    found = told(doctor_data.look(settings(data_dir=data, runners={"process": False})))
    assert found == {("ok", "database")}


def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    assert told(doctor_data.look(settings(data_dir=tmp_path))) == set()
    (tmp_path / "headwater.sqlite").write_text("no database, as anybody can see")
    assert told(doctor_data.look(settings(data_dir=tmp_path))) == {("broken", "database")}
    url = "postgresql://u:p@127.0.0.1:1/x"
    made = settings(data_dir=tmp_path, database={"url": url})
    assert told(doctor_data.look(made)) == {("broken", "database")}
