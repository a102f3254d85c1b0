"""`headwater plan` and `headwater check --base`: offline, in a clone, on real Git."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.git.scratch import plain_environment
from tests.planning.rig import FLOWS, LOG, SPACE, call, flow
from tests.serving import headwater

A, B = (f"{FLOWS}/{name}.yaml" for name in "ab")
SCHEDULE = "[{id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 6 * * *'}]"


class Clone:
    """A clone with a work tree."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=plain_environment(),
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        for path, text in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                place.unlink()
            else:
                place.write_text(text)

    def commit(self, files: Mapping[str, str | None]) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "A change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "clone")
    made.commit({A: flow("a"), B: flow("b", call("a")), "CODEOWNERS": "* @team\n"})
    return made


NEEDS = flow("a", LOG.replace("hello", "bye"), inputs="[{id: day, type: DATE}]", triggers=SCHEDULE)


def test_plan_of_a_branch(clone: Clone) -> None:
    clone.git("checkout", "-q", "-b", "feature")
    clone.commit({A: NEEDS, f"{SPACE}/variables.yaml": "x: 1\n"})
    ended = headwater("plan", "main..feature", folder=clone.folder)
    assert ended.returncode == 0, ended.stderr
    for line in (
        "main company.team",
        "  changed a",
        '    ! tasks[say].message: "hello" → "bye"',
        "    breaks: The input `day` is new and must be given; concerns company.team.b",
        "    1 flow depends on it (--impact lists them)",
        "  variable x added",
        "must approve: @team (2 files)",
    ):
        assert line in ended.stdout.splitlines(), ended.stdout
    assert "trigger daily added: next never → 20" in ended.stdout
    assert ended.stderr.strip().startswith("Flows: 1 changed; other files of 1 namespace")
    impact = headwater("plan", "main..", "--impact", folder=clone.folder / SPACE)
    assert "      company.team.b" in impact.stdout.splitlines()


def test_plan_for_programs_and_for_comments(clone: Clone) -> None:
    clone.commit({A: NEEDS})
    found = json.loads(headwater("plan", "HEAD~1..HEAD", "-o", "json", folder=clone.folder).stdout)
    assert found["counts"] == {"changed": 1}
    assert len(found["base"]) == len(found["head"]) == 40
    text = headwater("plan", "HEAD~1..HEAD", "-o", "markdown", folder=clone.folder).stdout
    assert text.startswith("### Headwater plan\n")


def test_three_dots_leave_out_what_the_base_did(clone: Clone) -> None:
    clone.git("checkout", "-q", "-b", "feature")
    clone.commit({A: NEEDS})
    clone.git("checkout", "-q", "main")
    clone.commit({B: None})
    two = json.loads(headwater("plan", "main..feature", "-o", "json", folder=clone.folder).stdout)
    three = json.loads(
        headwater("plan", "main...feature", "-o", "json", folder=clone.folder).stdout
    )
    assert two["counts"] == {"changed": 1, "added": 1}
    assert three["counts"] == {"changed": 1}


def test_plan_of_the_working_folder(clone: Clone) -> None:
    assert headwater("plan", folder=clone.folder).stdout == ""
    clone.write({f"{FLOWS}/c.yaml": flow("c"), B: None})
    ended = headwater("plan", folder=clone.folder)
    assert "  added c" in ended.stdout
    assert "  removed b" in ended.stdout


def test_errors_in_what_changes_fail(clone: Clone) -> None:
    clone.commit({A: flow("a", "{id: x, type: nope}")})
    ended = headwater("plan", "HEAD~1..HEAD", folder=clone.folder)
    assert ended.returncode == 1
    assert f"{A}:3:19: error UNKNOWN_TYPE: " in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["no-such..main"], 3, "there is no commit 'no-such'; git fetch, or name another one"),
        (["a..b..c"], 2, "'a..b..c' is not BASE..HEAD"),
        (["main..-x"], 3, "cannot be the name of a commit"),
        (["main..HEAD", "--repo", "/"], 3, "is in no Git repository"),
    ],
)
def test_wrong_usage(clone: Clone, arguments: list[str], code: int, told: str) -> None:
    ended = headwater("plan", *arguments, folder=clone.folder)
    assert ended.returncode == code, ended.stderr
    assert told in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("options", [("--object-format=sha256",), ()])
def test_other_shapes_of_repositories(tmp_path: Path, options: tuple[str, ...]) -> None:
    made = Clone(tmp_path / "clone", *options)
    made.commit({"flows/company.team/flows/a.yaml": flow("a"), "README.md": "x"})
    made.commit({"flows/company.team/flows/a.yaml": NEEDS})
    shape = ("--layout", "kestra", "--root", "flows")
    for span in ("HEAD~1..HEAD", "HEAD~1"):
        ended = headwater("plan", span, *shape, folder=made.folder)
        assert "  changed a" in ended.stdout, ended.stderr
    worktree = tmp_path / "linked"
    made.git("worktree", "add", "-q", str(worktree))
    assert "changed a" in headwater("plan", "HEAD~1", *shape, folder=worktree).stdout


def test_check_against_a_base(clone: Clone) -> None:
    broken = flow("a", "{id: x, type: nope}")
    clone.commit({f"{FLOWS}/old.yaml": broken.replace("id: a", "id: old")})
    clone.write({A: NEEDS, f"{FLOWS}/new.yaml": broken.replace("id: a", "id: new")})
    ended = headwater("check", "--base", "HEAD", folder=clone.folder)
    assert ended.returncode == 1
    told = [line.split(": ")[:2] for line in ended.stdout.splitlines()]
    assert [(place.split(":")[0], what) for place, what in told] == [
        (A, "warning BREAKING_INPUT"),
        (B, "warning BREAKING_INPUT"),
        (f"{FLOWS}/new.yaml", "error UNKNOWN_TYPE"),
    ]
    assert ended.stderr.strip() == "2 files, 1 errors, 2 warnings"
    some = headwater("check", A, "--base", "HEAD", folder=clone.folder)
    assert some.returncode == 0
    assert some.stdout.count("\n") == 1
    outside = headwater("check", str(clone.folder), "/tmp", "--base", "HEAD", folder=clone.folder)
    assert outside.returncode == 2


def test_check_knows_the_flows_around_a_file(clone: Clone) -> None:
    clone.write({f"{FLOWS}/c.yaml": flow("c", call("a"), call("gone", "x"))})
    ended = headwater("check", f"{FLOWS}/c.yaml", folder=clone.folder)
    assert ended.stdout.startswith(f"{FLOWS}/c.yaml:4:")
    assert ended.stdout.count("SUBFLOW_MISSING") == 1
    absolute = headwater("check", str(clone.folder / f"{FLOWS}/c.yaml"))
    assert absolute.stdout.startswith(f"{clone.folder}/{FLOWS}/c.yaml:4:")


def test_check_for_gitlab(clone: Clone) -> None:
    bad = flow("x", "{id: x, type: nope}")
    clone.write({f"{FLOWS}/x.yaml": bad})
    report = json.loads(headwater("check", "--format", "gitlab", folder=clone.folder).stdout)
    (issue,) = report
    assert issue["location"] == {"path": f"{FLOWS}/x.yaml", "lines": {"begin": 3}}
    assert (issue["severity"], issue["check_name"]) == ("major", "UNKNOWN_TYPE")
    clone.write({f"{FLOWS}/x.yaml": f"# a line more\n{bad}"})
    (again,) = json.loads(headwater("check", "--format", "gitlab", folder=clone.folder).stdout)
    assert again["fingerprint"] == issue["fingerprint"]


def test_check_of_a_kestra_repository(tmp_path: Path) -> None:
    made = Clone(tmp_path / "clone")
    made.write({"company.team/flows/a.yaml": flow("a", "{id: x, type: nope}"), "x.yaml": "a: b"})
    ended = headwater("check", "--layout", "kestra", folder=made.folder)
    assert ended.stdout.startswith("company.team/flows/a.yaml:3:19: error UNKNOWN_TYPE")
    assert ended.stderr.strip() == "1 files, 1 errors, 0 warnings"


def test_a_root_that_is_nowhere_is_no_empty_plan(clone: Clone) -> None:
    (clone.folder / "sub").mkdir()
    for command in (
        ("plan", "--root", "nope"),
        ("plan", "HEAD..HEAD", "--root", "nope"),
        ("check", "--root", "nope"),
        ("check", "--root", "nope", "--base", "HEAD"),
    ):
        done = headwater(*command, folder=clone.folder)
        assert (done.returncode, done.stdout) == (2, ""), command
        assert "there is no folder nope" in done.stderr
    assert headwater("check", "--root", "sub", folder=clone.folder).returncode == 0
