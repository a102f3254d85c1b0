"""`headwater check` on files of tests: in a repository, and loose ones."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.serving import headwater

FLOW = """
    id: f
    namespace: company.team
    tasks: [{id: fetch, type: io.kestra.plugin.core.http.Request, uri: "https://service.test"}]
    """
TESTS = """
    id: t
    flowId: f
    testCases:
      - id: one
        fixtures: {tasks: [{id: fetch, outputs: {code: 200}}]}
        assertions: [{value: "{{ outputs.fetch.code }}", equalTo: 200}]
    """
PLACES = ["tenants/main/namespaces/company.team", "company.team"]


def checked(folder: Path, place: str, tests: str) -> list[tuple[Any, ...]]:
    for name, text in (("flows/f.yaml", FLOW), ("tests/t.yaml", tests)):
        file = folder / place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip())
    ran = headwater("check", "--format", "json", folder=folder)
    found = json.loads(ran.stdout)
    assert ran.returncode == any(each["severity"] == "error" for each in found), ran.stderr
    return [(Path(each["path"]).name, each["code"], each["line"]) for each in found]


@pytest.mark.parametrize("place", PLACES)
def test_good_tests_are_nothing_to_tell_of(tmp_path: Path, place: str) -> None:
    assert checked(tmp_path, place, TESTS) == []


@pytest.mark.parametrize("place", PLACES)
def test_what_does_not_fit_the_flow_is_told(tmp_path: Path, place: str) -> None:
    tests = TESTS.replace("id: fetch", "id: fetsh")
    assert checked(tmp_path, place, tests) == [("t.yaml", "TEST_UNKNOWN_TASK", 5)]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_test_is_told(tmp_path: Path, place: str) -> None:
    tests = TESTS.replace("equalTo", "equals")
    assert checked(tmp_path, place, tests) == [("t.yaml", "UNKNOWN_PROPERTY", 6)]


def test_a_namespace_that_is_written_counts_where_folders_mean_nothing(tmp_path: Path) -> None:
    tests = TESTS.replace("flowId: f", "flowId: f\n    namespace: company.team")
    assert checked(tmp_path, "project", tests) == []
