"""The repository's own rules, and that its checks can fail."""

import os
import subprocess
from pathlib import Path

import pytest

from scripts import repository

ROOT = repository.ROOT
HOST = "files.python" + "hosted.org"


def test_the_repository_keeps_its_rules() -> None:
    files = list(repository.project_files(ROOT))
    assert list(repository.addresses(ROOT, files)) == []
    assert list(repository.lock_files(files)) == []
    assert list(repository.long_files(ROOT, files)) == []
    assert list(repository.pins_out_of_step(ROOT)) == []


@pytest.mark.parametrize(
    "line",
    [f"url = https://{HOST}/packages/x.whl", "x = '/ro" + "ot/thing'", "cd /wo" + "rk/main"],
)
def test_addresses_and_paths_of_a_machine_are_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "notes.md").write_text(f"first\n{line}\n")
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe\x00")
    [problem] = repository.addresses(tmp_path, [Path("notes.md"), Path("picture.png")])
    assert problem.startswith("notes.md:2: ")


def test_lock_files_and_long_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "long.py").write_text("x = 1\n" * 601)
    (tmp_path / "app" / "fine.py").write_text("x = 1\n" * 600)
    files = [Path("app/long.py"), Path("app/fine.py"), Path("uv.lock")]
    assert [each.partition(":")[0] for each in repository.long_files(tmp_path, files)] == [
        "app/long.py"
    ]
    assert len(list(repository.lock_files(files))) == 1


PROJECT = """
[project]
dependencies = ["alpha>=2", "beta[extra]>=1; sys_platform != 'win32'"]
[project.optional-dependencies]
postgres = []
[dependency-groups]
build = []
dev = ["gamma==3"]
"""


@pytest.mark.parametrize(
    ("runtime", "development", "problem"),
    [
        ("alpha==2.1\nbeta[extra]==1.0 ; x", "alpha==2.1\nbeta==1.0\ngamma==3", None),
        ("alpha==2.1", "alpha==2.1\nbeta==1.0\ngamma==3", "requirements.txt: beta is missing"),
        ("alpha==1.9\nbeta==1", "alpha==1.9\nbeta==1\ngamma==3", "alpha==1.9 is not alpha>=2"),
        ("alpha==2.2\nbeta==1", "alpha==2.1\nbeta==1\ngamma==3", "differs"),
    ],
)
def test_pins_out_of_step_are_found(
    tmp_path: Path, runtime: str, development: str, problem: str | None
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.txt").write_text(runtime)
    (tmp_path / "requirements-dev.txt").write_text(development)
    (tmp_path / "requirements-build.txt").write_text("")
    problems = list(repository.pins_out_of_step(tmp_path))
    assert (problems == []) if problem is None else any(problem in each for each in problems)


def scripts() -> list[Path]:
    return [file for file in (ROOT / "scripts").iterdir() if file.is_file() and not file.suffix]


@pytest.mark.parametrize("script", [*scripts(), ROOT / ".ci" / "run"], ids=lambda file: file.name)
def test_scripts_can_be_run_and_stop_at_the_first_error(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "set -euo pipefail" in text or script.name == "check"  # that one reports every check
    subprocess.run(["bash", "-n", script], check=True)


def test_a_second_set_up_does_nothing() -> None:
    if not (ROOT / ".venv/.ready-development").exists():
        pytest.skip("not set up by scripts/setup")
    done = subprocess.run(
        [ROOT / "scripts/setup"], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout + done.stderr == ""


def test_setup_refuses_what_it_does_not_know() -> None:
    done = subprocess.run(
        [ROOT / "scripts/setup", "--everything"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "unknown argument --everything" in done.stderr
