"""Commands that need no service: help, version, check, run."""

import json
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.serving import ROOT, headwater

GOOD = """
id: good
namespace: demo
inputs:
  - {id: name, type: STRING, defaults: world}
  - {id: data, type: FILE, required: false}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "Hello {{ inputs.name }}"}
outputs:
  - {id: said, type: STRING, value: "{{ inputs.name }}"}
"""
BAD = """
id: bad
namespace: demo
tasks:
  - id: a
    type: io.kestra.plugin.core.log.Lgo
    message: "{{ unclosed "
"""


def write(folder: Path, name: str, source: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source).lstrip())
    return file


def test_help_and_version() -> None:
    shown = headwater("--help")
    assert shown.returncode == 0
    for name in ("dev", "server", "check", "run", "flow", "execution", "git", "openapi"):
        assert f" {name} " in shown.stdout
    assert headwater("version").stdout.startswith("headwater ")
    assert headwater("--version").stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flwo"], "there is no command 'flwo'; did you mean 'flow'?"),
        (["zzz"], "see headwater --help"),
        (["flow", "lst"], 'Did you mean "list"'),
        (["flow", "list", "--outptu", "json"], "--output"),
        (["flow", "list", "-o", "xml"], "xml"),
        (["flow", "get", "shop", "\udcff"], "an argument is not UTF-8"),
        (["flow", "get"], "name the flow"),
        (["flow", "get", "a", "b", "c"], "name the flow"),
        (["flow", "run", "a", "b", "-i", "x"], "'x' is not name=value"),
        (["execution", "view"], "requires an argument"),
        (["check", "no-such-file.yaml"], "there is no no-such-file.yaml"),
        (["run", "no-such-file.yaml"], "cannot read no-such-file.yaml"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str) -> None:
    ended = headwater(*arguments)
    assert ended.returncode == 2, ended.stderr
    assert told in " ".join(ended.stderr.replace("│", "").split())
    assert ended.stdout == ""


def test_help_imports_little() -> None:
    code = (
        "import sys, app.cli\n"
        "try: app.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'fastapi', 'sqlalchemy', 'pydantic', 'uvicorn', 'httpx2', 'git'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run(
        [str(Path(headwater_python())), "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert ended.stderr.strip() == "set()"


def headwater_python() -> str:
    import sys

    return sys.executable


def test_check_tells_places(tmp_path: Path) -> None:
    write(tmp_path, "good.yaml", GOOD)
    write(tmp_path, "sub/bad.yaml", BAD)
    write(tmp_path, ".github/workflows/ci.yaml", "on: push")
    ended = headwater("check", folder=tmp_path)
    assert ended.returncode == 1
    first, second = ended.stdout.splitlines()
    assert first.startswith("sub/bad.yaml:5:11: error UNKNOWN_TYPE: tasks[0].type: Invalid type")
    assert "Log" in first
    assert second.startswith("sub/bad.yaml:6:15: warning EXPRESSION: tasks[0].message: ")
    assert ended.stderr.strip() == "2 files, 1 errors, 1 warnings"
    assert headwater("check", "good.yaml", folder=tmp_path).returncode == 0


def test_check_for_programs(tmp_path: Path) -> None:
    write(tmp_path, "bad.yaml", BAD)
    found = json.loads(headwater("check", "--format", "json", folder=tmp_path).stdout)
    assert [(each["line"], each["column"], each["severity"]) for each in found] == [
        (5, 11, "error"),
        (6, 15, "warning"),
    ]
    lines = headwater("check", "--format", "github", folder=tmp_path).stdout.splitlines()
    assert lines[0].startswith("::error file=bad.yaml,title=UNKNOWN_TYPE,line=5,col=11::tasks[0]")
    sarif = json.loads(headwater("check", "--format", "sarif", folder=tmp_path).stdout)
    assert sarif["version"] == "2.1.0"
    results = sarif["runs"][0]["results"]
    assert [each["level"] for each in results] == ["error", "warning"]
    region = results[0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 5, "startColumn": 11}


def test_check_knows_the_layout(tmp_path: Path) -> None:
    space = "tenants/main/namespaces"
    write(tmp_path, f"{space}/demo/flows/good.yaml", GOOD)
    write(tmp_path, f"{space}/demo/flows/twice.yml", GOOD)
    write(tmp_path, f"{space}/other/flows/wrong.yaml", GOOD)
    write(tmp_path, f"{space}/a/b/flows/nested.yaml", GOOD)
    write(tmp_path, f"{space}/demo/variables.yaml", "a: b")
    write(tmp_path, "notes.yaml", "- not a flow")
    ended = headwater("check", folder=tmp_path)
    codes = {line.split(":")[0]: line.split()[2] for line in ended.stdout.splitlines()}
    assert codes == {
        f"{space}/a/b": "NESTED_NAMESPACE_DIR:",
        f"{space}/demo/flows/twice.yml": "DUPLICATE_ID:",
        f"{space}/other/flows/wrong.yaml": "NAMESPACE_MISMATCH:",
    }
    template = headwater("check", str(ROOT / "flows-repo-template"))
    assert template.returncode == 0, template.stdout


def test_check_refuses_circles(tmp_path: Path) -> None:
    call = "tasks: [{{id: t, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: {}}}]"
    for name, called in (("a", "b"), ("b", "a"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"id: {name}\nnamespace: n\n{call.format(called)}")
    found = headwater("check", str(tmp_path))
    assert found.returncode == 1, found.stdout
    assert found.stdout.count("error CYCLE") == 2
    assert "n.a → n.b → n.a" in found.stdout


def test_run(tmp_path: Path) -> None:
    file = write(tmp_path, "good.yaml", GOOD)
    data = write(tmp_path, "data.csv", "a,b")
    ended = headwater("run", str(file), "-i", "name=Ann", "-i", f"data=@{data}", "-o", "json")
    assert ended.returncode == 0, ended.stderr
    execution = json.loads(ended.stdout)
    assert execution["state"]["current"] == "SUCCESS"
    assert execution["outputs"] == {"said": "Ann"}
    assert execution["inputs"]["data"].endswith("/inputs/data/data.csv")
    assert "say: Hello Ann" in ended.stderr
    assert "SUCCESS  say" in ended.stderr


def test_run_with_an_input_that_there_is_not(tmp_path: Path) -> None:
    file = write(tmp_path, "good.yaml", GOOD)
    ended = headwater("run", str(file), "-i", "nmae=Ann", "-i", "name=Bob")
    assert ended.returncode == 0
    assert "warning: input nmae is ignored: the flow has name, data\n" in ended.stderr
    assert "input name" not in ended.stderr


def test_run_that_fails(tmp_path: Path) -> None:
    fail = GOOD.replace("log.Log, message", "execution.Fail, errorMessage")
    ended = headwater("run", str(write(tmp_path, "fail.yaml", fail)))
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[0].split() == ["state:", "FAILED"]
    invalid = headwater("run", str(write(tmp_path, "bad.yaml", BAD)))
    assert invalid.returncode == 1
    assert "tasks[0].type (5:11): Invalid type" in invalid.stderr
    given = headwater("run", str(write(tmp_path, "good.yaml", GOOD)), "-i", "data=@nothing")
    assert given.returncode == 2
    assert "cannot read nothing" in given.stderr


def test_openapi() -> None:
    description = json.loads(headwater("openapi").stdout)
    assert "/api/v1/{tenant}/executions/{namespace}/{flow_id}" in description["paths"]
