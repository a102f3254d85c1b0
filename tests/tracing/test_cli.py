"""`flow blame`, `flow why`, `flow bisect` and `execution bisect`, as processes."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.git.scratch import Scratch
from tests.serving import headwater, service

FLOW = """\
id: f
namespace: shop
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "%s"}
  - {id: second, type: io.kestra.plugin.core.debug.Return, format: "%s"}
"""
TESTS = """\
id: t
namespace: shop
flowId: f
testCases:
  - {id: one, assertions: [{value: "{{ outputs.second.value }}", equalTo: two}]}
"""
HOME = "tenants/main/namespaces/shop"
PATH = f"{HOME}/flows/f.yaml"


@pytest.fixture
def clone(tmp_path: Path) -> tuple[Path, list[str]]:
    """A clone of ten commits, of which the seventh breaks the flow, and a file of tests."""
    scratch, folder = Scratch(tmp_path / "origin.git"), tmp_path / "clone"
    commits = []
    for number in range(1, 11):
        second = "two" if number < 7 else "oh"
        text = "id: [" if number == 5 else FLOW % (number, second)
        commits.append(scratch.commit({PATH: text.encode()}, subject=f"Change {number}"))
        scratch.commit({"README.md": str(number).encode()}, subject="Talk about it")
    scratch.git("clone", "-q", str(scratch.path), str(folder))
    (folder / "t.yaml").write_text(TESTS)
    return folder, commits


def test_a_clone_is_bisected_without_a_service(clone: tuple[Path, list[str]]) -> None:
    folder, commits = clone
    ran = headwater("flow", "bisect", commits[0], "--test", "t.yaml", "-o", "json", folder=folder)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["firstBad"]["commit"] == commits[6]
    assert found["firstBad"]["subject"] == "Change 7"
    assert len(found["runs"]) <= 5
    table = headwater("flow", "bisect", commits[0], "HEAD", "--test", "t.yaml", folder=folder)
    assert commits[6][:12] in table.stdout
    names = headwater("flow", "bisect", commits[0], "--test", "t.yaml", "-o", "name", folder=folder)
    assert names.stdout.split() == [commits[6]]


def test_an_end_that_is_none_is_told(clone: tuple[Path, list[str]]) -> None:
    folder, commits = clone
    ran = headwater("flow", "bisect", commits[3], commits[5], "--test", "t.yaml", folder=folder)
    assert ran.returncode == 2
    assert f"the tests are good at {commits[5][:12]}, not bad" in ran.stderr
    unread = headwater("flow", "bisect", commits[4], "--test", "t.yaml", folder=folder)
    assert "the tests are skipped" in unread.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("HEAD",), 2, "the tests are bad at"),
        (("nowhere",), 3, "there is no commit 'nowhere'"),
        (("HEAD", "HEAD", "--case", "none"), 2, "the tests are skipped at"),
    ],
)
def test_ends_must_be_what_they_are_called(
    clone: tuple[Path, list[str]], arguments: tuple[str, ...], code: int, told: str
) -> None:
    folder, _ = clone
    ran = headwater("flow", "bisect", *arguments, "--test", "t.yaml", folder=folder)
    assert ran.returncode == code
    assert told in ran.stderr


def test_tests_must_be_tests(clone: tuple[Path, list[str]]) -> None:
    folder, commits = clone
    ran = headwater("flow", "bisect", commits[0], "--test", PATH, folder=folder)
    assert ran.returncode == 2
    assert "no file of tests" in ran.stderr
    none = headwater("flow", "bisect", commits[0], "--test", "nothing", folder=folder)
    assert (none.returncode, "there is no file nothing" in none.stderr) == (2, True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("tracing") / "data"
    with service(data) as (address, _):
        yield address


def save(server: str, number: int, second: str) -> None:
    verb, path = ("POST", "flows") if number == 1 else ("PUT", "flows/shop/f")
    text = FLOW % (number, second)
    answer = httpx2.request(verb, f"{server}/api/v1/main/{path}", content=text.encode())
    assert answer.status_code == 200, answer.text


def test_a_service_tells_who_broke_what(server: str) -> None:
    for number, second in enumerate(("two", "two", "{{ nothing }}", "{{ nothing }}"), 1):
        save(server, number, second)
        headwater("flow", "run", "shop.f", server=server)
    shown = headwater("flow", "blame", "shop.f", server=server)
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [line[1:4] for line in lines[1:]] == [["task", "first", "4"], ["task", "second", "3"]]
    why = headwater("flow", "why", "shop.f", server=server)
    assert why.returncode == 1
    assert "revision 2 worked, revision 3 fails" in why.stdout
    assert "most likely:  revision 3" in why.stdout
    body = json.loads(headwater("flow", "why", "shop.f", "-o", "json", server=server).stdout)
    one = headwater("execution", "bisect", body["firstBad"]["id"][:20], server=server)
    assert (one.returncode, "revision 3" in one.stdout) == (1, True)
    missing = headwater("flow", "bisect", "1", "--test", "shop.t", server=server)
    assert missing.returncode == 3
    made = httpx2.post(f"{server}/api/v1/main/tests", content=TESTS.encode())
    assert made.status_code == 200, made.text
    found = headwater("flow", "bisect", "1", "--test", "shop.t", server=server)
    assert found.returncode == 0, found.stderr
    assert "revision 3 broke the tests" in found.stdout
