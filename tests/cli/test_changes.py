"""Commands that change executions, draw flows, and keep pairs and files of namespaces."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_service import put, until
from tests.serving import headwater, service

FAILS = """
id: fails
namespace: shop
inputs:
  - {id: name, type: STRING, defaults: world}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.name }}"}
  - {id: fail, type: io.kestra.plugin.core.execution.Fail}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service(tmp_path_factory.mktemp("cli") / "data") as (address, _):
        yield address


def run(server: str, *words: str, code: int = 0) -> str:
    """Run a command; return what it prints."""
    done = headwater(*words, server=server)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_restart_and_replay(server: str) -> None:
    put(server, FAILS)
    wanted = run(server, "flow", "run", "shop.fails", "-o", "name", code=1).strip()
    assert wanted in run(server, "execution", "restart", wanted, code=1)
    replayed = run(
        server, "exec", "replay", wanted, "--task", "say", "-i", "name=moon", "-o", "json", code=1
    )
    assert json.loads(replayed)["id"] != wanted
    run(server, "exec", "replay", wanted, "--task", "nope", code=3)
    run(server, "exec", "state", wanted, "SUCCESS", "--task", "fail")
    until(server, wanted, "SUCCESS")
    run(server, "exec", "state", wanted, "WARNING")
    until(server, wanted, "WARNING")
    run(server, "exec", "restart", "nosuch", code=3)


def test_labels_expressions_and_deletion(server: str) -> None:
    put(server, FAILS)
    wanted = run(server, "flow", "run", "shop.fails", "-o", "name", code=1).strip()
    assert "team:" in run(server, "exec", "labels", wanted, "team=a")
    run(server, "exec", "labels", wanted, "team", code=2)
    assert run(server, "exec", "eval", wanted, "{{ flow.id }}") == "fails\n"
    found = run(server, "exec", "eval", wanted, "{{ task.id }}", "--task", "say", "-o", "json")
    assert json.loads(found) == {"result": "say"}
    run(server, "exec", "eval", wanted, "{{ missing }}", code=1)
    run(server, "exec", "delete", wanted, code=2)
    run(server, "exec", "delete", wanted, "--yes")
    run(server, "exec", "view", wanted, code=3)


def test_graph_and_toggles(server: str) -> None:
    put(server, FAILS)
    lines = run(server, "flow", "graph", "shop.fails").splitlines()
    assert lines[0] == 'digraph "shop.fails" {'
    assert '  "root.say" -> "root.fail";' in lines
    assert json.loads(run(server, "flow", "graph", "shop.fails", "-o", "json"))["clusters"] == []
    run(server, "flow", "disable", "shop.fails")
    run(server, "flow", "run", "shop.fails", code=5)
    run(server, "flow", "enable", "shop.fails")
    run(server, "flow", "graph", "shop.nope", code=3)


def test_clusters_in_a_graph(server: str) -> None:
    put(
        server,
        "id: nested\nnamespace: shop\ntasks:\n  - id: group\n"
        "    type: io.kestra.plugin.core.flow.Sequential\n"
        '    tasks: [{id: inner, type: io.kestra.plugin.core.log.Log, message: "a"}]\n',
    )
    text = run(server, "flow", "graph", "shop.nested")
    assert 'subgraph "cluster_root.group" { label="group";' in text
    assert text.count("{") == text.count("}")


def test_validate(server: str, tmp_path: Path) -> None:
    file = tmp_path / "flows.yaml"
    file.write_text(FAILS)
    assert "valid" in run(server, "flow", "validate", str(file))
    file.write_text(FAILS + "---\nid: x\nnamespace: shop\ntasks: [{id: a, type: nope}]\n")
    assert "Invalid type: nope" in run(server, "flow", "validate", str(file), code=1)
    run(server, "flow", "validate", str(tmp_path / "nothing.yaml"), code=2)
    run(server, "flow", "validate", code=2)
    empty, latin = tmp_path / "empty.yaml", tmp_path / "latin.yaml"
    empty.write_text("")
    latin.write_bytes(b"id: \xe9\n")
    told = run(server, "flow", "validate", *map(str, (latin, empty, file)), code=1)
    for each in ("The file holds no flow", "The file is not UTF-8", str(latin), str(file)):
        assert each in told


def test_pairs(server: str) -> None:
    run(server, "kv", "set", "shop", "count", "12", "--ttl", "PT1H")
    run(server, "ns", "kv", "set", "shop", "text", "plain words")
    assert run(server, "kv", "get", "shop", "count") == "12\n"
    assert run(server, "kv", "get", "shop", "text") == "plain words\n"
    assert run(server, "kv", "list", "shop", "-o", "name").split() == ["count", "text"]
    run(server, "kv", "delete", "shop", "count")
    run(server, "kv", "delete", "shop", "count", code=3)
    run(server, "kv", "get", "shop", "count", code=3)


def test_namespaces_and_their_files(server: str, tmp_path: Path) -> None:
    put(server, FAILS)
    assert run(server, "ns", "list", "-o", "name").split() == ["shop"]
    file = tmp_path / "a.txt"
    file.write_bytes(b"data\x00")
    run(server, "ns", "files", "put", "shop", str(file), "/folder/a.txt")
    assert "folder/a.txt" in run(server, "ns", "files", "list", "shop")
    run(server, "ns", "files", "get", "shop", "/folder/a.txt", "--to", str(tmp_path / "b.txt"))
    assert (tmp_path / "b.txt").read_bytes() == b"data\x00"
    run(server, "ns", "files", "delete", "shop", "/folder/a.txt")
    run(server, "ns", "files", "get", "shop", "/folder/a.txt", code=3)
