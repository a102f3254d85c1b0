"""`headwater test`, as a process: a repository, loose files, exit codes, forms of output."""

import json
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.serving import headwater

FLOW = """
    id: greet
    namespace: company.team
    inputs: [{id: name, type: STRING, defaults: World}]
    tasks:
      - {id: fetch, type: io.kestra.plugin.core.http.Request, uri: "https://service.test"}
      - id: hello
        type: io.kestra.plugin.core.debug.Return
        format: "{{ inputs.name }} {{ outputs.fetch.body | jq('.') | first }} {{ read('a.txt') }}"
    """
TESTS = """
    id: greets
    flowId: greet
    testCases:
      - id: mocked
        fixtures: {tasks: [{id: fetch, outputs: {body: 1}}]}
        assertions: [{value: "{{ outputs.hello.value }}", equalTo: World 1 text}]
    """
WRONG = (
    TESTS
    + """
      - id: wrong
        fixtures: {tasks: [{id: fetch, outputs: {body: 1}}]}
        assertions: [{value: "{{ outputs.hello.value }}", startsWith: Bye}]
      - {id: reaches, expectedState: SUCCESS}
      - {id: later, disabled: true, expectedState: SUCCESS}
    """
)
NAMESPACE = "tenants/main/namespaces/company.team"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip())
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        {
            f"{NAMESPACE}/flows/greet.yaml": FLOW,
            f"{NAMESPACE}/tests/deep/greets.yaml": TESTS,
            f"{NAMESPACE}/files/a.txt": "text",
        },
    )


def test_tests_of_a_repository_pass(repository: Path) -> None:
    ran = headwater("test", folder=repository)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "1 file: 1 passed\n"
    assert ran.stdout.splitlines()[1].split()[:3] == ["SUCCESS", "company.team.greets", "mocked"]


def test_what_fails_is_told_in_every_form(repository: Path, tmp_path: Path) -> None:
    write(repository, {f"{NAMESPACE}/tests/deep/greets.yaml": WRONG})
    report = tmp_path / "junit.xml"
    ran = headwater("test", "--junit", str(report), "-o", "json", folder=repository)
    assert ran.returncode == 1
    assert ran.stderr == "1 file: 1 passed, 1 failed, 1 in error, 1 skipped\n"
    [suite] = json.loads(ran.stdout)
    assert suite["path"] == f"{NAMESPACE}/tests/deep/greets.yaml"
    assert [each["state"] for each in suite["results"]] == ["SUCCESS", "FAILED", "ERROR", "SKIPPED"]
    root = ET.fromstring(report.read_text())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "1")
    told = headwater("test", "--junit", str(tmp_path / "no" / "x.xml"), folder=repository)
    assert (told.returncode, "cannot write" in told.stderr) == (2, True)
    assert "SKIPPED" in told.stdout
    table = headwater("test", "--case", "wrong", folder=repository)
    assert table.returncode == 1
    assert "does not hold: startsWith `Bye`" in table.stdout
    assert "reaches" not in table.stdout


def test_loose_files_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    flow, tests = FLOW.replace(" {{ read('a.txt') }}", ""), TESTS.replace(" text", "")
    write(tmp_path, {"company.team/flows/greet.yml": flow, "company.team/tests/t.yml": tests})
    for path in (".", "company.team", "company.team/tests/t.yml"):
        ran = headwater("test", path, folder=tmp_path)
        assert ran.returncode == 0, (path, ran.stdout, ran.stderr)


def test_files_beside_loose_flows_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"n/flows/f.yaml": FLOW.replace("company.team", "n")})
    write(tmp_path, {"n/tests/t.yaml": TESTS, "n/files/a.txt": "text"})
    assert headwater("test", folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "there is no nowhere"),
        (["."], "there are no tests"),
    ],
)
def test_there_must_be_tests(tmp_path: Path, arguments: list[str], told: str) -> None:
    ran = headwater("test", *arguments, folder=tmp_path)
    assert ran.returncode == 2
    assert told in ran.stderr


def test_a_case_that_does_not_exist_is_told(repository: Path) -> None:
    ran = headwater("test", "--case", "moked", folder=repository)
    assert ran.returncode == 2
    assert "no case moked" in ran.stderr


def test_a_file_that_cannot_be_read_is_an_error(repository: Path) -> None:
    write(repository, {f"{NAMESPACE}/tests/bad.yaml": "id: bad\nflowId: greet\ntestCases: []\n"})
    ran = headwater("test", folder=repository)
    assert ran.returncode == 1
    assert "testCases (3:12): must not be empty" in ran.stdout


def test_types_that_may_run_programs_do(tmp_path: Path) -> None:
    flow = """
        id: f
        namespace: n
        tasks:
          - id: run
            type: io.kestra.plugin.scripts.shell.Commands
            taskRunner: {type: io.kestra.plugin.core.runner.Process}
            commands: ['echo "::{\\"outputs\\":{\\"n\\":\\"7\\"}}::"']
        """
    tests = """
        id: t
        namespace: n
        flowId: f
        testCases: [{id: one, assertions: [{value: "{{ outputs.run.vars.n }}", equalTo: 7}]}]
        """
    write(tmp_path, {"flows/f.yaml": flow, "tests/t.yaml": tests})
    refused = headwater("test", folder=tmp_path)
    assert refused.returncode == 1
    assert "give the task a fixture" in refused.stdout
    allowed = headwater("test", "--allow", "io.kestra.plugin.scripts.*", folder=tmp_path)
    assert allowed.returncode == 0, allowed.stdout
